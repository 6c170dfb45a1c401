// RUN: pyflame-opt %s -p 'pyflame-assign-layouts{rows=2 cols=3}' | filecheck %s

// The weight is stored transposed, so its cuts are swapped; the bias repeats along rows.
func.func @linear(%x: tensor<8x6xf32> {pyflame.name = "x"}, %w: tensor<9x6xf32>, %b: tensor<9xf32>) -> tensor<8x9xf32> {
  %0 = pyflame.matmul %x, %w transpose_b : tensor<8x6xf32>, tensor<9x6xf32> -> tensor<8x9xf32>
  %1 = pyflame.add %0, %b : tensor<8x9xf32>, tensor<9xf32> -> tensor<8x9xf32>
  return %1 : tensor<8x9xf32>
}

// CHECK:       func.func @linear(%x: tensor<8x6xf32, #mesh.layout<2x3, [rows, cols]>> {pyflame.name = "x"},
// CHECK-SAME:    %w: tensor<9x6xf32, #mesh.layout<2x3, [cols, rows]>> {pyflame.name = "arg1"},
// CHECK-SAME:    %b: tensor<9xf32, #mesh.layout<2x3, [cols]>> {pyflame.name = "arg2"})
// CHECK-SAME:    -> tensor<8x9xf32, #mesh.layout<2x3, [rows, cols]>>

// Dimensions of size 1 are not cut.
func.func @vector(%x: tensor<1x6xf32>, %w: tensor<6x9xf32>) -> tensor<1x9xf32> {
  %0 = pyflame.matmul %x, %w : tensor<1x6xf32>, tensor<6x9xf32> -> tensor<1x9xf32>
  return %0 : tensor<1x9xf32>
}

// CHECK:       func.func @vector(%x: tensor<1x6xf32, #mesh.layout<2x3, [-, cols]>>
// CHECK-SAME:    -> tensor<1x9xf32, #mesh.layout<2x3, [-, cols]>>

// An argument that is wanted in two layouts is placed twice under one name.
func.func @gram(%x: tensor<8x6xf32>) -> tensor<8x8xf32> {
  %0 = pyflame.matmul %x, %x transpose_b : tensor<8x6xf32>, tensor<8x6xf32> -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

// CHECK:       func.func @gram(%x: tensor<8x6xf32, #mesh.layout<2x3, [rows, cols]>> {pyflame.name = "arg0"},
// CHECK-SAME:    %{{.*}}: tensor<8x6xf32, #mesh.layout<2x3, [cols, rows]>> {pyflame.name = "arg0"})
// CHECK-NOT:     mesh.redistribute

// What is computed is moved.
func.func @square(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %0 = pyflame.matmul %x, %y : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  %1 = pyflame.matmul %0, %0 transpose_b : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  return %1 : tensor<8x8xf32>
}

// CHECK:       func.func @square
// CHECK:         %0 = pyflame.matmul
// CHECK-NEXT:    %1 = mesh.redistribute %0 : tensor<8x8xf32, #mesh.layout<2x3, [rows, cols]>> -> tensor<8x8xf32, #mesh.layout<2x3, [cols, rows]>>
// CHECK-NEXT:    pyflame.matmul %0, %1 transpose_b

// A layout reaches an argument through what stands between it and its consumer.
func.func @through(%x: tensor<8x6xf32>, %w: tensor<6x9xf16>) -> tensor<8x9xf32> {
  %0 = pyflame.cast %w : tensor<6x9xf16> -> tensor<6x9xf32>
  %1 = pyflame.transpose %x [1, 0] : tensor<8x6xf32> -> tensor<6x8xf32>
  %2 = pyflame.matmul %1, %0 transpose_a : tensor<6x8xf32>, tensor<6x9xf32> -> tensor<8x9xf32>
  return %2 : tensor<8x9xf32>
}

// CHECK:       func.func @through(%x: tensor<8x6xf32, #mesh.layout<2x3, [rows, cols]>>
// CHECK-SAME:    %w: tensor<6x9xf16, #mesh.layout<2x3, [rows, cols]>>
// CHECK-NOT:     mesh.redistribute
