// RUN: not pyflame-translate --emit-mlir %s 2>&1 | filecheck %s

func.func @f(%a: tensor<4xf32>) -> tensor<5xf32> {
  return %a : tensor<4xf32>
}

// CHECK: invalid.mlir:4:3: error: 'func.return' op does not verify: Expected arguments to have the same types
// CHECK-NEXT:  return %a : tensor<4xf32>
// CHECK-NEXT:  ^
