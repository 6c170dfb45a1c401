// RUN: pyflame-opt %s --split-input-file -p cse | filecheck %s

func.func @first(%a: i32) -> (i32, i32) {
  %b = arith.addi %a, %a : i32
  %c = arith.addi %a, %a : i32
  return %b, %c : i32, i32
}
// CHECK:       func.func @first(%a: i32) -> (i32, i32) {
// CHECK-NEXT:    %b = arith.addi %a, %a : i32
// CHECK-NEXT:    func.return %b, %b : i32, i32

// CHECK: // -----
// -----

func.func private @second()
// CHECK: func.func private @second()
