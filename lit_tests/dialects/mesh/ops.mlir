// RUN: pyflame-opt %s | pyflame-opt | filecheck %s
// RUN: pyflame-opt %s --print-op-generic | pyflame-opt | filecheck %s

func.func @local(%x: tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>, %b: tensor<250xf32, #mesh.layout<8x8, [cols]>>) {
  %y = mesh.compute ins(%x, %b : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>, tensor<250xf32, #mesh.layout<8x8, [cols]>>) maps [[0, 1], [1]] {
  ^bb0(%xe: f32, %be: f32):
    %s = arith.addf %xe, %be : f32
    mesh.yield %s : f32
  } : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>
  %zero = mesh.compute ins() maps [] {
    %0 = arith.constant 0.0 : f32
    mesh.yield %0 : f32
  } : tensor<64x96xf32, #mesh.layout<8x8, [rows, cols]>>
  %s = mesh.local_reduce sum %x dims [1] : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>> -> tensor<64xf32, #mesh.layout<8x8, [rows], partial sum [cols]>>
  %k = mesh.local_reduce max %x dims [0, 1] keepdims : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>> -> tensor<1x1xf32, #mesh.layout<8x8, [-, -], partial max [rows, cols]>>
  func.return
}

// CHECK:       func.func @local(
// CHECK-NEXT:    %y = mesh.compute ins(%x, %b : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>, tensor<250xf32, #mesh.layout<8x8, [cols]>>) maps [[0, 1], [1]] {
// CHECK-NEXT:    ^bb0(%xe: f32, %be: f32):
// CHECK-NEXT:      %s = arith.addf %xe, %be : f32
// CHECK-NEXT:      mesh.yield %s : f32
// CHECK-NEXT:    } : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>
// CHECK-NEXT:    %zero = mesh.compute ins() maps [] {
// CHECK:         mesh.local_reduce sum %x dims [1] : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>> -> tensor<64xf32, #mesh.layout<8x8, [rows], partial sum [cols]>>
// CHECK-NEXT:    mesh.local_reduce max %x dims [0, 1] keepdims : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>> -> tensor<1x1xf32, #mesh.layout<8x8, [-, -], partial max [rows, cols]>>

func.func @product(%a: tensor<64x256xf32, #mesh.layout<8x4, [rows, cols]>>, %w: tensor<256x96xf32, #mesh.layout<8x4, [rows, cols]>>, %zero: tensor<64x96xf32, #mesh.layout<8x4, [rows, cols]>>) {
  %c = mesh.for_panels (%k0, %len) over 256 tiles [64, 32] panel 16 algorithm "summa" iter_args(%acc = %zero) -> (tensor<64x96xf32, #mesh.layout<8x4, [rows, cols]>>) {
    %ap = mesh.broadcast %a at (%k0, %len) dim 1 along cols : tensor<64x256xf32, #mesh.layout<8x4, [rows, cols]>> -> tensor<64x16xf32, #mesh.layout<8x4, [rows, -]>>
    %bp = mesh.broadcast %w at (%k0, %len) dim 0 along rows : tensor<256x96xf32, #mesh.layout<8x4, [rows, cols]>> -> tensor<16x96xf32, #mesh.layout<8x4, [-, cols]>>
    %n = mesh.matmul %acc, %ap, %bp over %len : tensor<64x96xf32, #mesh.layout<8x4, [rows, cols]>>, tensor<64x16xf32, #mesh.layout<8x4, [rows, -]>>, tensor<16x96xf32, #mesh.layout<8x4, [-, cols]>> -> tensor<64x96xf32, #mesh.layout<8x4, [rows, cols]>>
    mesh.yield %n : tensor<64x96xf32, #mesh.layout<8x4, [rows, cols]>>
  }
  func.return
}

// CHECK:       func.func @product(
// CHECK-NEXT:    %c = mesh.for_panels (%k0, %len) over 256 tiles [64, 32] panel 16 algorithm "summa" iter_args(%acc = %zero) -> (tensor<64x96xf32, #mesh.layout<8x4, [rows, cols]>>) {
// CHECK-NEXT:      %ap = mesh.broadcast %a at(%k0, %len) dim 1 along cols : tensor<64x256xf32, #mesh.layout<8x4, [rows, cols]>> -> tensor<64x16xf32, #mesh.layout<8x4, [rows, -]>>
// CHECK-NEXT:      %bp = mesh.broadcast %w at(%k0, %len) dim 0 along rows
// CHECK-NEXT:      %n = mesh.matmul %acc, %ap, %bp over %len : tensor<64x96xf32, #mesh.layout<8x4, [rows, cols]>>, tensor<64x16xf32, #mesh.layout<8x4, [rows, -]>>, tensor<16x96xf32, #mesh.layout<8x4, [-, cols]>> -> tensor<64x96xf32, #mesh.layout<8x4, [rows, cols]>>
// CHECK-NEXT:      mesh.yield %n

func.func @movement(%x: tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>, %p: tensor<64xf32, #mesh.layout<8x8, [rows], partial sum [cols]>>) {
  %r = mesh.all_reduce sum %p along cols : tensor<64xf32, #mesh.layout<8x8, [rows], partial sum [cols]>> -> tensor<64xf32, #mesh.layout<8x8, [rows]>>
  %o = mesh.reduce sum %p along cols root 1 : tensor<64xf32, #mesh.layout<8x8, [rows], partial sum [cols]>> -> tensor<64xf32, #mesh.layout<8x8, [rows], on [cols 1]>>
  %g = mesh.all_gather %x dim 1 along cols : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>> -> tensor<64x250xf32, #mesh.layout<8x8, [rows, -]>>
  %s = mesh.all_slice %g dim 1 along cols : tensor<64x250xf32, #mesh.layout<8x8, [rows, -]>> -> tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>
  %g1 = mesh.gather %x dim 1 along cols root 3 : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>> -> tensor<64x250xf32, #mesh.layout<8x8, [rows, -], on [cols 3]>>
  %s1 = mesh.scatter %g1 dim 1 along cols : tensor<64x250xf32, #mesh.layout<8x8, [rows, -], on [cols 3]>> -> tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>
  %t = mesh.shift %x along rows offset -1 rotate : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>> -> tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>
  %h = mesh.halo_exchange %x halo low [1, 0] high [2, 3] : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>> -> tensor<88x280xf32, #mesh.layout<8x8, [rows, cols]>>
  %d = mesh.redistribute %x : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>> -> tensor<64x250xf32, #mesh.layout<8x8, [cols, rows]>>
  %v = mesh.reshape %g : tensor<64x250xf32, #mesh.layout<8x8, [rows, -]>> -> tensor<64x25x10xf32, #mesh.layout<8x8, [rows, -, -]>>
  func.return
}

// CHECK:       func.func @movement(
// CHECK-NEXT:    mesh.all_reduce sum %p along cols : tensor<64xf32, #mesh.layout<8x8, [rows], partial sum [cols]>> -> tensor<64xf32, #mesh.layout<8x8, [rows]>>
// CHECK-NEXT:    mesh.reduce sum %p along cols root 1 : {{.*}} -> tensor<64xf32, #mesh.layout<8x8, [rows], on [cols 1]>>
// CHECK-NEXT:    %g = mesh.all_gather %x dim 1 along cols : {{.*}} -> tensor<64x250xf32, #mesh.layout<8x8, [rows, -]>>
// CHECK-NEXT:    mesh.all_slice %g dim 1 along cols
// CHECK-NEXT:    %g1 = mesh.gather %x dim 1 along cols root 3
// CHECK-NEXT:    mesh.scatter %g1 dim 1 along cols
// CHECK-NEXT:    mesh.shift %x along rows offset -1 rotate
// CHECK-NEXT:    mesh.halo_exchange %x halo low [1, 0] high [2, 3]
// CHECK-NEXT:    mesh.redistribute %x
// CHECK-NEXT:    mesh.reshape %g
