// RUN: pyflame-opt %s | pyflame-opt | filecheck %s
// RUN: pyflame-opt --print-op-generic %s | pyflame-opt | filecheck %s

func.func @double(%a: i32) -> i32 {
  %b = arith.addi %a, %a : i32
  return %b : i32
}

// CHECK:       builtin.module {
// CHECK-NEXT:    func.func @double(%a: i32) -> i32 {
// CHECK-NEXT:      %b = arith.addi %a, %a : i32
// CHECK-NEXT:      func.return %b : i32
// CHECK-NEXT:    }
// CHECK-NEXT:  }
