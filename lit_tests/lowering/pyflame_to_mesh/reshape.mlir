// RUN: pyflame-opt %s -p 'pyflame-assign-layouts{rows=2 cols=3},convert-pyflame-to-mesh' | filecheck %s

// Dimensions that the reshape keeps stay cut.
func.func @kept(%x: tensor<8x9xf32, #mesh.layout<2x3, [rows, cols]>>) -> tensor<8x1x9xf32> {
  %0 = pyflame.reshape %x : tensor<8x9xf32, #mesh.layout<2x3, [rows, cols]>> -> tensor<8x1x9xf32>
  return %0 : tensor<8x1x9xf32>
}

// CHECK:       func.func @kept
// CHECK-NEXT:    mesh.reshape %x : tensor<8x9xf32, #mesh.layout<2x3, [rows, cols]>> -> tensor<8x1x9xf32, #mesh.layout<2x3, [rows, -, cols]>>

// The others become whole first.
func.func @split(%x: tensor<8x9xf32, #mesh.layout<2x3, [rows, cols]>>) -> tensor<8x3x3xf32> {
  %0 = pyflame.reshape %x : tensor<8x9xf32, #mesh.layout<2x3, [rows, cols]>> -> tensor<8x3x3xf32>
  return %0 : tensor<8x3x3xf32>
}

// CHECK:       func.func @split
// CHECK-NEXT:    %[[w:.*]] = mesh.redistribute %x : {{.*}} -> tensor<8x9xf32, #mesh.layout<2x3, [rows, -]>>
// CHECK-NEXT:    mesh.reshape %[[w]] : {{.*}} -> tensor<8x3x3xf32, #mesh.layout<2x3, [rows, -, -]>>
