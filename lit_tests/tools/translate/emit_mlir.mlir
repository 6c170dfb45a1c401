// RUN: pyflame-translate --emit-mlir %s | filecheck %s
// RUN: pyflame-translate --emit-mlir --generic %s | filecheck %s --check-prefix GENERIC

func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
  %b = pyflame.relu %a : tensor<4xf32> -> tensor<4xf32>
  return %b : tensor<4xf32>
}

// CHECK: %b = pyflame.relu %a : tensor<4xf32> -> tensor<4xf32>
// GENERIC: %b = "pyflame.relu"(%a) : (tensor<4xf32>) -> tensor<4xf32>
