// RUN: pyflame-opt %s -p 'pyflame-assign-layouts{rows=2 cols=2},convert-pyflame-to-mesh,mesh-fuse-compute' | filecheck %s

// A chain is one loop, constants stand in its body.
func.func @chain(%x: tensor<8x6xf32>, %b: tensor<6xf32>) -> tensor<8x6xf32> {
  %0 = pyflame.add %x, %b : tensor<8x6xf32>, tensor<6xf32> -> tensor<8x6xf32>
  %c = pyflame.full 2.0 : f64 -> tensor<f32>
  %1 = pyflame.multiply %0, %c : tensor<8x6xf32>, tensor<f32> -> tensor<8x6xf32>
  %2 = pyflame.tanh %1 : tensor<8x6xf32> -> tensor<8x6xf32>
  return %2 : tensor<8x6xf32>
}

// CHECK:       func.func @chain
// CHECK-NEXT:    %[[y:.*]] = mesh.compute ins(%x, %b : {{.*}}) maps [[0, 1], [1]] {
// CHECK-NEXT:    ^bb0(%[[xe:.*]]: f32, %[[be:.*]]: f32):
// CHECK-NEXT:      %[[s:.*]] = arith.addf %[[xe]], %[[be]] : f32
// CHECK-NEXT:      %[[c:.*]] = arith.constant 2.000000e+00 : f32
// CHECK-NEXT:      %[[m:.*]] = arith.mulf %[[s]], %[[c]] : f32
// CHECK-NEXT:      %[[t:.*]] = math.tanh %[[m]] : f32
// CHECK-NEXT:      mesh.yield %[[t]] : f32
// CHECK-NEXT:    } : tensor<8x6xf32, #mesh.layout<2x2, [rows, cols]>>
// CHECK-NEXT:    func.return %[[y]]

// exp is not computed again for every row.
func.func @repeated(%x: tensor<8x6xf32>, %b: tensor<6xf32>) -> tensor<8x6xf32> {
  %0 = pyflame.exp %b : tensor<6xf32> -> tensor<6xf32>
  %1 = pyflame.add %x, %0 : tensor<8x6xf32>, tensor<6xf32> -> tensor<8x6xf32>
  return %1 : tensor<8x6xf32>
}

// CHECK:       func.func @repeated
// CHECK-NEXT:    mesh.compute ins(%b
// CHECK:           math.exp
// CHECK:         mesh.compute ins(%x
// CHECK-NOT:       math.exp

// A mask is never stored, even if two ops read it.
func.func @mask(%x: tensor<8xf32>, %y: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %m = pyflame.compare lt, %x, %y : tensor<8xf32>, tensor<8xf32> -> tensor<8xi1>
  %0 = pyflame.select %m, %x, %y : tensor<8xi1>, tensor<8xf32>, tensor<8xf32> -> tensor<8xf32>
  %1 = pyflame.select %m, %y, %x : tensor<8xi1>, tensor<8xf32>, tensor<8xf32> -> tensor<8xf32>
  return %0, %1 : tensor<8xf32>, tensor<8xf32>
}

// CHECK:       func.func @mask
// CHECK-NOT:   tensor<8xi1
// CHECK:       arith.cmpf olt
// CHECK:       arith.cmpf olt
// CHECK-NOT:   tensor<8xi1

// A transpose is a way to read.
func.func @transposed(%x: tensor<8x6xf32>, %y: tensor<6x8xf32>) -> tensor<6x8xf32> {
  %0 = pyflame.transpose %x [1, 0] : tensor<8x6xf32> -> tensor<6x8xf32>
  %1 = pyflame.add %0, %y : tensor<6x8xf32>, tensor<6x8xf32> -> tensor<6x8xf32>
  return %1 : tensor<6x8xf32>
}

// CHECK:       func.func @transposed
// CHECK-NEXT:    mesh.compute ins(%x, %y : tensor<8x6xf32, #mesh.layout<2x2, [cols, rows]>>, tensor<6x8xf32, #mesh.layout<2x2, [rows, cols]>>) maps [[1, 0], [0, 1]] {
