// RUN: pyflame-opt %s -p dataflow-spread-banks | filecheck %s

// A multiply-add reads %c and a column of %a at once: %a starts one element later. %b gives
// scalars, and %x is where the host put it.

dataflow.program @main on "wse2" rows 1 cols 1 {
  %x = dataflow.buffer @x input {tensor = tensor<4x4xf32, #mesh.layout<1x1, [-, -]>>} : memref<4x4xf32>
  %a = dataflow.buffer @a temporary : memref<4x4xf32>
  %c = dataflow.buffer @c temporary : memref<4x4xf32>
  %xv = dataflow.view %x : memref<4x4xf32> -> !dataflow.view<4x4xf32, [4, 1]>
  %av = dataflow.view %a : memref<4x4xf32> -> !dataflow.view<4x4xf32, [1, 4]>
  %cv = dataflow.view %c : memref<4x4xf32> -> !dataflow.view<4x4xf32, [1, 4]>
  dataflow.matmul m %cv, %av, %xv : !dataflow.view<4x4xf32, [1, 4]>, !dataflow.view<4x4xf32, [1, 4]>, !dataflow.view<4x4xf32, [4, 1]>
  dataflow.finish
}

// CHECK:      %a = dataflow.buffer @a temporary : memref<17xf32>
// CHECK-NEXT: %c = dataflow.buffer @c temporary : memref<4x4xf32>
// CHECK-NEXT: %xv = dataflow.view %x : memref<4x4xf32>
// CHECK-NEXT: %av = dataflow.view %a base 1 : memref<17xf32>
// CHECK-NEXT: %cv = dataflow.view %c : memref<4x4xf32>
