// RUN: pyflame-opt %s -p convert-mesh-to-dataflow | filecheck %s

// Bias and ReLU are DSD operations in the output buffer; exp needs a map.

func.func @main(%x: tensor<8x32xf32, #mesh.layout<1x1, [-, -]>>, %b: tensor<32xf32, #mesh.layout<1x1, [-]>>) -> (tensor<8x32xf32, #mesh.layout<1x1, [-, -]>>, tensor<32x8xf32, #mesh.layout<1x1, [-, -]>>) {
  %y = mesh.compute ins(%x, %b : tensor<8x32xf32, #mesh.layout<1x1, [-, -]>>, tensor<32xf32, #mesh.layout<1x1, [-]>>) maps [[0, 1], [1]] {
  ^bb0(%xe: f32, %be: f32):
    %s = arith.addf %xe, %be : f32
    %zero = arith.constant 0.0 : f32
    %r = arith.maximumf %s, %zero : f32
    mesh.yield %r : f32
  } : tensor<8x32xf32, #mesh.layout<1x1, [-, -]>>
  %z = mesh.compute ins(%y : tensor<8x32xf32, #mesh.layout<1x1, [-, -]>>) maps [[1, 0]] {
  ^bb0(%e: f32):
    %r = math.exp %e : f32
    mesh.yield %r : f32
  } : tensor<32x8xf32, #mesh.layout<1x1, [-, -]>>
  func.return %y, %z : tensor<8x32xf32, #mesh.layout<1x1, [-, -]>>, tensor<32x8xf32, #mesh.layout<1x1, [-, -]>>
}

// CHECK:       dataflow.phase "compute" {
// CHECK-NEXT:    %[[X:.*]] = dataflow.view %arg0 : memref<8x32xf32> -> !dataflow.view<8x32xf32, [32, 1]>
// CHECK-NEXT:    %[[B:.*]] = dataflow.view %arg1 : memref<32xf32> -> !dataflow.view<8x32xf32, [0, 1]>
// CHECK-NEXT:    %[[Y:.*]] = dataflow.view %result0 : memref<8x32xf32> -> !dataflow.view<8x32xf32, [32, 1]>
// CHECK-NEXT:    dataflow.add %[[Y]], %[[X]], %[[B]]
// CHECK-NEXT:    %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:    dataflow.max %[[Y]], %[[Y]], %[[ZERO]]
// CHECK:       dataflow.phase "compute 2" {
// CHECK-NEXT:    %[[T:.*]] = dataflow.view %result0 : memref<8x32xf32> -> !dataflow.view<32x8xf32, [1, 32]>
// CHECK-NEXT:    %[[Z:.*]] = dataflow.view %result1 : memref<32x8xf32> -> !dataflow.view<32x8xf32, [8, 1]>
// CHECK-NEXT:    dataflow.map into %[[Z]], ins(%[[T]] : !dataflow.view<32x8xf32, [1, 32]>) {
