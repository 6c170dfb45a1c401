// RUN: pyflame-opt %s -p pyflame-assign-layouts | filecheck %s

// The rectangle comes from what is given. A given layout stays; others adapt.
func.func @given(%x: tensor<8x6xf32, #mesh.layout<2x3, [cols, rows]>>, %y: tensor<8x6xf32>) -> tensor<8x6xf32> {
  %0 = pyflame.add %x, %y : tensor<8x6xf32, #mesh.layout<2x3, [cols, rows]>>, tensor<8x6xf32> -> tensor<8x6xf32>
  return %0 : tensor<8x6xf32>
}

// CHECK:       func.func @given(%x: tensor<8x6xf32, #mesh.layout<2x3, [cols, rows]>>
// CHECK-SAME:    %y: tensor<8x6xf32, #mesh.layout<2x3, [cols, rows]>>
// CHECK-SAME:    -> tensor<8x6xf32, #mesh.layout<2x3, [cols, rows]>>

// On a single PE beside a larger rectangle: whole on every PE. Slicing it moves nothing.
func.func @single(%x: tensor<8x6xf32, #mesh.layout<2x3, [rows, cols]>>, %y: tensor<6xf32, #mesh.layout<1x1, [-]>>) -> tensor<8x6xf32> {
  %0 = pyflame.add %x, %y : tensor<8x6xf32, #mesh.layout<2x3, [rows, cols]>>, tensor<6xf32, #mesh.layout<1x1, [-]>> -> tensor<8x6xf32>
  return %0 : tensor<8x6xf32>
}

// CHECK:       func.func @single
// CHECK-SAME:    %y: tensor<6xf32, #mesh.layout<2x3, [-]>>
// CHECK-NEXT:    mesh.redistribute %y : tensor<6xf32, #mesh.layout<2x3, [-]>> -> tensor<6xf32, #mesh.layout<2x3, [cols]>>

// A layout that is asked for on a computed value holds from there on.
func.func @asked(%x: tensor<8x6xf32, #mesh.layout<2x3, [rows, cols]>>) -> tensor<8x6xf32, #mesh.layout<2x3, [rows, -]>> {
  %0 = pyflame.exp %x : tensor<8x6xf32, #mesh.layout<2x3, [rows, cols]>> -> tensor<8x6xf32, #mesh.layout<2x3, [rows, -]>>
  return %0 : tensor<8x6xf32, #mesh.layout<2x3, [rows, -]>>
}

// CHECK:       func.func @asked
// CHECK:         %0 = pyflame.exp %x {{.*}} -> tensor<8x6xf32, #mesh.layout<2x3, [rows, cols]>>
// CHECK-NEXT:    %1 = mesh.redistribute %0
// CHECK-NEXT:    func.return %1 : tensor<8x6xf32, #mesh.layout<2x3, [rows, -]>>

// One row of PEs cuts nothing along rows.
func.func @row(%x: tensor<8x6xf32, #mesh.layout<1x3, [rows, cols]>>) -> tensor<8x6xf32> {
  %0 = pyflame.exp %x : tensor<8x6xf32, #mesh.layout<1x3, [rows, cols]>> -> tensor<8x6xf32>
  return %0 : tensor<8x6xf32>
}

// CHECK:       func.func @row(%x: tensor<8x6xf32, #mesh.layout<1x3, [-, cols]>>
