// RUN: pyflame-opt %s --print-debuginfo | filecheck %s

func.func @f(%a: i32) -> i32 {
  %b = arith.addi %a, %a : i32
  return %b : i32 loc("model.py":7:1)
}

// CHECK:  %b = arith.addi %a, %a : i32 loc("{{.*}}debuginfo.mlir":4:3)
// CHECK:  func.return %b : i32 loc("model.py":7:1)
