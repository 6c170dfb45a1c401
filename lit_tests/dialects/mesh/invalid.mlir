// RUN: pyflame-opt %s --split-input-file --verify-diagnostics

func.func @other_rectangle(%x: tensor<8xf32, #mesh.layout<1x2, [cols]>>) {
  // expected-error @+1 {{layouts <1x2, [cols]> and <1x4, [cols]> are on different rectangles, expected one}}
  %y = mesh.redistribute %x : tensor<8xf32, #mesh.layout<1x2, [cols]>> -> tensor<8xf32, #mesh.layout<1x4, [cols]>>
  return
}

// -----

// expected-error @+1 {{axis rows is used twice, expected at most once}}
func.func private @twice(tensor<8x8xf32, #mesh.layout<2x2, [rows, rows]>>)

// -----

func.func @partial(%x: tensor<8xf32, #mesh.layout<1x2, [-], partial sum [cols]>>) {
  // expected-error @+1 {{expected partial max along cols}}
  %y = mesh.all_reduce max %x along cols : tensor<8xf32, #mesh.layout<1x2, [-], partial sum [cols]>> -> tensor<8xf32, #mesh.layout<1x2, [-]>>
  return
}

// -----

func.func @moves(%x: tensor<8xf32, #mesh.layout<1x2, [-]>>) {
  // expected-error @+1 {{expected equal sizes cut by the same axis}}
  %y = mesh.compute ins(%x : tensor<8xf32, #mesh.layout<1x2, [-]>>) maps [[0]] {
  ^bb0(%e: f32):
    mesh.yield %e : f32
  } : tensor<8xf32, #mesh.layout<1x2, [cols]>>
  return
}
