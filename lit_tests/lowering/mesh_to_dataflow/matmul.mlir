// RUN: pyflame-opt %s -p convert-mesh-to-dataflow | filecheck %s

// One step of SUMMA on a row of two PEs, K = 6 in tiles of 3: panels of one tile, constant sizes.
// The columns of A move along cols; B is read in place, because there is one row of PEs.

func.func @main(%a: tensor<2x6xf32, #mesh.layout<1x2, [rows, cols]>> {pyflame.name = "a"}, %b: tensor<6x8xf32, #mesh.layout<1x2, [rows, cols]>> {pyflame.name = "b"}) -> tensor<2x8xf32, #mesh.layout<1x2, [rows, cols]>> {
  %zero = mesh.compute ins() maps [] {
    %z = arith.constant 0.0 : f32
    mesh.yield %z : f32
  } : tensor<2x8xf32, #mesh.layout<1x2, [rows, cols]>>
  %c = mesh.for_panels (%k, %len) over 6 tiles [3, 6] panel 3 iter_args(%acc = %zero) -> (tensor<2x8xf32, #mesh.layout<1x2, [rows, cols]>>) {
    %ap = mesh.broadcast %a at (%k, %len) dim 1 along cols : tensor<2x6xf32, #mesh.layout<1x2, [rows, cols]>> -> tensor<2x3xf32, #mesh.layout<1x2, [rows, -]>>
    %bp = mesh.broadcast %b at (%k, %len) dim 0 along rows : tensor<6x8xf32, #mesh.layout<1x2, [rows, cols]>> -> tensor<3x8xf32, #mesh.layout<1x2, [-, cols]>>
    %n = mesh.matmul %acc, %ap, %bp over %len : tensor<2x8xf32, #mesh.layout<1x2, [rows, cols]>>, tensor<2x3xf32, #mesh.layout<1x2, [rows, -]>>, tensor<3x8xf32, #mesh.layout<1x2, [-, cols]>> -> tensor<2x8xf32, #mesh.layout<1x2, [rows, cols]>>
    mesh.yield %n : tensor<2x8xf32, #mesh.layout<1x2, [rows, cols]>>
  }
  func.return %c : tensor<2x8xf32, #mesh.layout<1x2, [rows, cols]>>
}

// CHECK:       dataflow.program @main on "wse2" rows 1 cols 2 {
// CHECK-NEXT:    %a = dataflow.buffer @a input {tensor = tensor<2x6xf32, #mesh.layout<1x2, [rows, cols]>>} : memref<2x3xf32>
// CHECK-NEXT:    %b = dataflow.buffer @b input {tensor = tensor<6x8xf32, #mesh.layout<1x2, [rows, cols]>>} : memref<6x4xf32>
// CHECK-NEXT:    %result0 = dataflow.buffer @result0 output
// CHECK-NEXT:    %ap = dataflow.buffer @ap temporary : memref<3x2xf32>
// CHECK-NEXT:    dataflow.channel @cols_west along cols [#dataflow.route<0, 1 to 2 step 1, [ramp] -> [ramp, west]>, #dataflow.route<0, 0 to 1 step 1, [east, ramp] -> [ramp]>]
// CHECK-NEXT:    %coord_x = dataflow.coord cols
// CHECK-NEXT:    dataflow.channel @cols_east along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [ramp, east]>, #dataflow.route<0, 1 to 2 step 1, [west, ramp] -> [ramp]>]
// CHECK-NEXT:    dataflow.phase "fill" {
// CHECK:           dataflow.copy %{{.*}}, %{{.*}} : !dataflow.view<2x4xf32, [4, 1]>, f32
// CHECK:         dataflow.phase "matmul" {
// CHECK:           scf.for %[[O:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK:             %[[SEND:.*]] = dataflow.view %a : memref<2x3xf32> -> !dataflow.view<3x2xf32, [1, 3]>
// CHECK-NEXT:        %[[RECV:.*]] = dataflow.view %ap : memref<3x2xf32> -> !dataflow.view<3x2xf32, [2, 1]>
// CHECK-NEXT:        %{{.*}} = arith.cmpi sle, %coord_x, %[[O]] : index
// CHECK-NEXT:        %{{.*}} = arith.cmpi ne, %[[O]], %{{.*}} : index
// CHECK-NEXT:        %{{.*}} = arith.andi
// CHECK-NEXT:        scf.if
// CHECK-NEXT:          %[[MINE:.*]] = arith.cmpi eq, %coord_x, %[[O]] : index
// CHECK-NEXT:          scf.if %[[MINE]] {
// CHECK-NEXT:            dataflow.send %[[SEND]] on @cols_west async
// CHECK-NEXT:          }
// CHECK-NEXT:          dataflow.recv %[[RECV]] on @cols_west
// CHECK:             dataflow.send %[[SEND]] on @cols_east async
// CHECK:             dataflow.recv %[[RECV]] on @cols_east
// CHECK:             %[[C:.*]] = dataflow.view %result0 : memref<2x4xf32> -> !dataflow.view<2x4xf32, [4, 1]>
// CHECK-NEXT:        %[[A:.*]] = dataflow.view %ap : memref<3x2xf32> -> !dataflow.view<2x3xf32, [1, 2]>
// CHECK-NEXT:        %[[B:.*]] = dataflow.view %b offset(%{{.*}}) : memref<6x4xf32> -> !dataflow.view<3x4xf32, [4, 1]>
// CHECK-NEXT:        dataflow.matmul n %[[C]], %[[A]], %[[B]]
// CHECK:         dataflow.finish
