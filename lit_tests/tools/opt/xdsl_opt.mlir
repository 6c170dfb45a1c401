// RUN: xdsl-opt %s | filecheck %s

func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
  %b = pyflame.relu %a : tensor<4xf32> -> tensor<4xf32>
  return %b : tensor<4xf32>
}

// CHECK: %b = pyflame.relu %a : tensor<4xf32> -> tensor<4xf32>
