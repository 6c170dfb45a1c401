// RUN: pyflame-opt %s -p 'pyflame-assign-layouts{rows=2 cols=3},convert-pyflame-to-mesh{panel=2}' | filecheck %s

// Tiles of the summed dimension are 4 along columns and 5 along rows; panels have at most 2.
func.func @half(%a: tensor<8x10xf16>, %b: tensor<10x9xf16>) -> tensor<8x9xf16> {
  %0 = pyflame.matmul %a, %b : tensor<8x10xf16>, tensor<10x9xf16> -> tensor<8x9xf16>
  return %0 : tensor<8x9xf16>
}

// CHECK:       func.func @half
// CHECK:         } : tensor<8x9xf32, #mesh.layout<2x3, [rows, cols]>>
// CHECK-NEXT:    %[[c:.*]] = mesh.for_panels (%k, %len) over 10 tiles [4, 5] panel 2 algorithm "summa" iter_args(%acc = %{{.*}}) -> (tensor<8x9xf32, #mesh.layout<2x3, [rows, cols]>>) {
// CHECK-NEXT:      %[[a:.*]] = mesh.broadcast %a at(%k, %len) dim 1 along cols : {{.*}} -> tensor<8x2xf16, #mesh.layout<2x3, [rows, -]>>
// CHECK-NEXT:      %[[b:.*]] = mesh.broadcast %b at(%k, %len) dim 0 along rows : {{.*}} -> tensor<2x9xf16, #mesh.layout<2x3, [-, cols]>>
// CHECK-NEXT:      %[[n:.*]] = mesh.matmul %acc, %[[a]], %[[b]] over %len :
// CHECK-NEXT:      mesh.yield %[[n]]
// CHECK-NEXT:    }
// CHECK-NEXT:    mesh.compute ins(%[[c]] :
// CHECK:           arith.truncf

// Where every PE has the whole summed dimension, nothing moves.
func.func @whole(%a: tensor<8x1xf32>, %b: tensor<1x9xf32>) -> tensor<8x9xf32> {
  %0 = pyflame.matmul %a, %b : tensor<8x1xf32>, tensor<1x9xf32> -> tensor<8x9xf32>
  return %0 : tensor<8x9xf32>
}

// CHECK:       func.func @whole
// CHECK-NOT:     mesh.for_panels
// CHECK:         mesh.matmul %{{.*}}, %a, %b :
