// RUN: pyflame-opt %s -p mesh-expand-redistribute | filecheck %s

// A slice comes first where the axis is free: the gather then moves less.
func.func @slice_first(%x: tensor<8x6xf32, #mesh.layout<2x3, [rows, -]>>) -> tensor<8x6xf32, #mesh.layout<2x3, [-, cols]>> {
  %0 = mesh.redistribute %x : tensor<8x6xf32, #mesh.layout<2x3, [rows, -]>> -> tensor<8x6xf32, #mesh.layout<2x3, [-, cols]>>
  return %0 : tensor<8x6xf32, #mesh.layout<2x3, [-, cols]>>
}

// CHECK:       func.func @slice_first
// CHECK-NEXT:    %0 = mesh.all_slice %x dim 1 along cols
// CHECK-NEXT:    %1 = mesh.all_gather %0 dim 0 along rows
// CHECK-NEXT:    func.return %1

func.func @swap(%x: tensor<8x6xf32, #mesh.layout<2x3, [rows, cols]>>) -> tensor<8x6xf32, #mesh.layout<2x3, [cols, rows]>> {
  %0 = mesh.redistribute %x : tensor<8x6xf32, #mesh.layout<2x3, [rows, cols]>> -> tensor<8x6xf32, #mesh.layout<2x3, [cols, rows]>>
  return %0 : tensor<8x6xf32, #mesh.layout<2x3, [cols, rows]>>
}

// CHECK:       func.func @swap
// CHECK-NEXT:    %0 = mesh.all_gather %x dim 0 along rows
// CHECK-NEXT:    %1 = mesh.all_gather %0 dim 1 along cols
// CHECK-NEXT:    %2 = mesh.all_slice %1 dim 0 along cols
// CHECK-NEXT:    %3 = mesh.all_slice %2 dim 1 along rows
// CHECK-NEXT:    func.return %3

func.func @same(%x: tensor<8xf32, #mesh.layout<2x3, [rows]>>) -> tensor<8xf32, #mesh.layout<2x3, [rows]>> {
  %0 = mesh.redistribute %x : tensor<8xf32, #mesh.layout<2x3, [rows]>> -> tensor<8xf32, #mesh.layout<2x3, [rows]>>
  return %0 : tensor<8xf32, #mesh.layout<2x3, [rows]>>
}

// CHECK:       func.func @same
// CHECK-NEXT:    func.return %x
