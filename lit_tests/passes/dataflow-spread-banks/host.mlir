// RUN: pyflame-opt %s -p dataflow-spread-banks | filecheck %s

// Vectorised over n, the rows of %x are the vectors; the host placed them, so %c starts later.

dataflow.program @main on "wse2" rows 1 cols 1 {
  %x = dataflow.buffer @x input {tensor = tensor<4x4xf32, #mesh.layout<1x1, [-, -]>>} : memref<4x4xf32>
  %c = dataflow.buffer @c temporary : memref<4x4xf32>
  %xv = dataflow.view %x : memref<4x4xf32> -> !dataflow.view<4x4xf32, [4, 1]>
  %cv = dataflow.view %c : memref<4x4xf32> -> !dataflow.view<4x4xf32, [4, 1]>
  dataflow.matmul n %cv, %xv, %xv : !dataflow.view<4x4xf32, [4, 1]>, !dataflow.view<4x4xf32, [4, 1]>, !dataflow.view<4x4xf32, [4, 1]>
  dataflow.finish
}

// CHECK:      %c = dataflow.buffer @c temporary : memref<17xf32>
// CHECK-NEXT: %xv = dataflow.view %x : memref<4x4xf32>
// CHECK-NEXT: %cv = dataflow.view %c base 1 : memref<17xf32>
