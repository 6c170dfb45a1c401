// RUN: pyflame-opt %s --pass-pipeline 'builtin.module(cse, dce)' --print-between-passes 2>&1 | filecheck %s

func.func @f(%a: i32) -> (i32, i32) {
  %b = arith.addi %a, %a : i32
  %c = arith.addi %a, %a : i32
  return %b, %c : i32, i32
}

// CHECK:       // -----// IR after cse //----- //
// CHECK:       %b = arith.addi %a, %a : i32
// CHECK-NEXT:  func.return %b, %b : i32, i32
// CHECK:       func.func @f(%a: i32)
