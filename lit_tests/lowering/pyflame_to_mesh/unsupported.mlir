// RUN: not pyflame-opt %s -p 'pyflame-assign-layouts{rows=2 cols=3},convert-pyflame-to-mesh' 2>&1 | filecheck %s

// Everything that is missing is reported at once, each with its place.
func.func @gaps(%x: tensor<4x4xf32>, %i: tensor<4xi64>) -> (tensor<4xi64>, tensor<4x4xi1>, tensor<4xf32>, tensor<4x4xf32>) {
  %0 = pyflame.argmax %x dim 1 : tensor<4x4xf32> -> tensor<4xi64>
  %1 = pyflame.compare lt, %x, %x : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xi1>
  %2 = pyflame.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32> -> tensor<4xf32>
  %3 = pyflame.relu %x : tensor<4x4xf32> -> tensor<4x4xf32>
  return %0, %1, %2, %3 : tensor<4xi64>, tensor<4x4xi1>, tensor<4xf32>, tensor<4x4xf32>
}

// CHECK:      5 things are not supported:
// CHECK-NEXT:   - argument 1 of type tensor<4xi64, {{.*}}> at {{.*}}unsupported.mlir:4:1: tensors on the mesh are f32 or f16
// CHECK-NEXT:   - pyflame.argmax at {{.*}}:5:3: has no meaning on the mesh yet
// CHECK-NEXT:   - pyflame.compare at {{.*}}:6:3: gives i1, a mask that func.return reads; only elementwise ops may
// CHECK-NEXT:   - pyflame.constant at {{.*}}:7:3: its elements differ; pass it as an argument
// CHECK-NEXT:   - pyflame.relu at {{.*}}:8:3: run pyflame-decompose first
