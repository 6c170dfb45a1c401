// RUN: pyflame-opt %s -p 'pyflame-decompose,pyflame-assign-layouts{rows=2 cols=3},convert-pyflame-to-mesh,mesh-fuse-compute' | filecheck %s

// Both axes are partial and are combined one after the other; the mean scales once.
func.func @mean(%x: tensor<8x9xf32>) -> tensor<f32> {
  %0 = pyflame.mean %x dims [0, 1] : tensor<8x9xf32> -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK:       func.func @mean
// CHECK-NEXT:    %[[p:.*]] = mesh.local_reduce sum %x dims [0, 1] : {{.*}} -> tensor<f32, #mesh.layout<2x3, [], partial sum [rows, cols]>>
// CHECK-NEXT:    %[[r:.*]] = mesh.all_reduce sum %[[p]] along rows : {{.*}} -> tensor<f32, #mesh.layout<2x3, [], partial sum [cols]>>
// CHECK-NEXT:    %[[s:.*]] = mesh.all_reduce sum %[[r]] along cols : {{.*}} -> tensor<f32, #mesh.layout<2x3, []>>
// CHECK-NEXT:    mesh.compute ins(%[[s]]

// A sum of f16 widens by itself: no f32 copy of the operand is made.
func.func @half(%x: tensor<8x9xf16>) -> tensor<8x1xf16> {
  %0 = pyflame.mean %x dims [1] keepdims : tensor<8x9xf16> -> tensor<8x1xf16>
  return %0 : tensor<8x1xf16>
}

// CHECK:       func.func @half
// CHECK-NEXT:    mesh.local_reduce sum %x dims [1] keepdims : tensor<8x9xf16, {{.*}} -> tensor<8x1xf32, #mesh.layout<2x3, [rows, -], partial sum [cols]>>
// CHECK-NEXT:    mesh.all_reduce sum
// CHECK-NEXT:    mesh.compute
// CHECK:           arith.mulf
// CHECK-NEXT:      arith.truncf
