// RUN: pyflame-opt %s -p pyflame-fold-transposes | filecheck %s

func.func @both(%a: tensor<3x4xf32>, %b: tensor<5x3xf32>) -> tensor<4x5xf32> {
  %at = pyflame.transpose %a [1, 0] : tensor<3x4xf32> -> tensor<4x3xf32>
  %bt = pyflame.transpose %b [1, 0] : tensor<5x3xf32> -> tensor<3x5xf32>
  %c = pyflame.matmul %at, %bt : tensor<4x3xf32>, tensor<3x5xf32> -> tensor<4x5xf32>
  return %c : tensor<4x5xf32>
}

// CHECK:       func.func @both
// CHECK-NEXT:    %c = pyflame.matmul %a, %b transpose_a transpose_b : tensor<3x4xf32>, tensor<5x3xf32> -> tensor<4x5xf32>

func.func @twice(%a: tensor<2x3x4xf32>, %b: tensor<3x5xf32>) -> tensor<2x4x5xf32> {
  %at = pyflame.transpose %a [0, 2, 1] : tensor<2x3x4xf32> -> tensor<2x4x3xf32>
  %att = pyflame.transpose %at [0, 2, 1] : tensor<2x4x3xf32> -> tensor<2x3x4xf32>
  %c = pyflame.matmul %att, %b transpose_a : tensor<2x3x4xf32>, tensor<3x5xf32> -> tensor<2x4x5xf32>
  return %c : tensor<2x4x5xf32>
}

// CHECK:       func.func @twice
// CHECK:         %c = pyflame.matmul %at, %b : tensor<2x4x3xf32>, tensor<3x5xf32> -> tensor<2x4x5xf32>

// A transpose that moves batch dimensions stays.
func.func @batch(%a: tensor<4x3x2xf32>, %b: tensor<3x5xf32>) -> tensor<2x4x5xf32> {
  %at = pyflame.transpose %a [2, 0, 1] : tensor<4x3x2xf32> -> tensor<2x4x3xf32>
  %c = pyflame.matmul %at, %b : tensor<2x4x3xf32>, tensor<3x5xf32> -> tensor<2x4x5xf32>
  return %c : tensor<2x4x5xf32>
}

// CHECK:       func.func @batch
// CHECK-NEXT:    %at = pyflame.transpose %a [2, 0, 1]
// CHECK-NEXT:    pyflame.matmul %at, %b :
