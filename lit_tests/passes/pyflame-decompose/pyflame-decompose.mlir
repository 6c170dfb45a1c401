// RUN: pyflame-opt %s -p pyflame-decompose | filecheck %s

// What an expansion makes is expanded in turn: silu is x * sigmoid(x).
func.func @silu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = pyflame.silu %x : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// CHECK:       func.func @silu
// CHECK-NOT:   pyflame.s
// CHECK:       pyflame.exp
// CHECK-NOT:   pyflame.s
// CHECK:       pyflame.divide
// CHECK:       pyflame.multiply
// CHECK-NEXT:  func.return

// The mesh has erf as one scalar op.
func.func @erf(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = pyflame.erf %x : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// CHECK:       func.func @erf
// CHECK-NEXT:    %y = pyflame.erf %x
