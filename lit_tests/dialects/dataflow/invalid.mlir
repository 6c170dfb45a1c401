// RUN: pyflame-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{target 'wse9' is unknown, expected one of wse2, wse3}}
dataflow.program @main on "wse9" rows 1 cols 1 {
  dataflow.finish
}

// -----

dataflow.program @main on "wse2" rows 1 cols 2 {
  // expected-error @+1 {{tiles of tensor<8xf32, #mesh.layout<1x2, [cols]>> are [4]}}
  %x = dataflow.buffer @x input {tensor = tensor<8xf32, #mesh.layout<1x2, [cols]>>} : memref<8xf32>
}

// -----

dataflow.program @main on "wse2" rows 1 cols 2 {
  %x = dataflow.buffer @x temporary : memref<8xf32>
  // expected-error @+1 {{view covers elements 4 to 11, the buffer has 0 to 7}}
  %v = dataflow.view %x base 4 : memref<8xf32> -> !dataflow.view<8xf32, [1]>
}

// -----

dataflow.program @main on "wse2" rows 1 cols 2 {
  %x = dataflow.buffer @x temporary : memref<8xf32>
  %v = dataflow.view %x : memref<8xf32> -> !dataflow.view<8xf32, [1]>
  // expected-error @+1 {{channel @nowhere is not declared in the program}}
  dataflow.recv %v on @nowhere : !dataflow.view<8xf32, [1]>
}

// -----

dataflow.program @main on "wse2" rows 1 cols 2 {
  %x = dataflow.buffer @x temporary : memref<8xf32>
  %v = dataflow.view %x : memref<8xf32> -> !dataflow.view<8x2xf32, [1, 0]>
  // expected-error @+1 {{repeats elements; use dataflow.reduce}}
  dataflow.copy %v, %v : !dataflow.view<8x2xf32, [1, 0]>, !dataflow.view<8x2xf32, [1, 0]>
}
