// RUN: pyflame-opt %s -p convert-mesh-to-dataflow | filecheck %s

// Sums over a dimension whose last tile is empty: reduced under a guard, then a chain and a bus.

func.func @main(%x: tensor<2x4xf32, #mesh.layout<1x3, [-, cols]>>) -> tensor<2xf32, #mesh.layout<1x3, [-]>> {
  %s = mesh.local_reduce sum %x dims [1] : tensor<2x4xf32, #mesh.layout<1x3, [-, cols]>> -> tensor<2xf32, #mesh.layout<1x3, [-], partial sum [cols]>>
  %r = mesh.all_reduce sum %s along cols : tensor<2xf32, #mesh.layout<1x3, [-], partial sum [cols]>> -> tensor<2xf32, #mesh.layout<1x3, [-]>>
  func.return %r : tensor<2xf32, #mesh.layout<1x3, [-]>>
}

// CHECK:       %[[N:.*]] = dataflow.valid cols tile 2 of 4
// CHECK:       dataflow.channel @cols_chain_west along cols [#dataflow.route<0, 2 to 3 step 2, [ramp] -> [west]>, #dataflow.route<0, 1 to 2 step 2, [east] -> [ramp]>, #dataflow.route<1, 1 to 2 step 2, [ramp] -> [west]>, #dataflow.route<1, 0 to 1 step 2, [east] -> [ramp]>]
// CHECK:       dataflow.phase "local_reduce" {
// CHECK:         dataflow.copy
// CHECK:         %[[SOME:.*]] = arith.cmpi sgt, %[[N]], %{{.*}} : index
// CHECK-NEXT:    scf.if %[[SOME]] {
// CHECK-NEXT:      %[[ACC:.*]] = dataflow.view %result0 sizes(%[[N]]) : memref<2xf32> -> !dataflow.view<2x?xf32, [1, 0]>
// CHECK-NEXT:      %[[X:.*]] = dataflow.view %arg0 sizes(%[[N]]) : memref<2x2xf32> -> !dataflow.view<2x?xf32, [2, 1]>
// CHECK-NEXT:      dataflow.reduce sum %[[ACC]], %[[X]]
// CHECK:       dataflow.phase "all_reduce" {
// CHECK-NEXT:    %[[V:.*]] = dataflow.view %result0
// CHECK-NEXT:    scf.if %last_x {
// CHECK-NEXT:      dataflow.send %[[V]] on @cols_chain_west :
// CHECK-NEXT:    } else {
// CHECK-NEXT:      scf.if %first_x {
// CHECK-NEXT:        dataflow.reduce_step %[[V]] on @cols_chain_west :
// CHECK-NEXT:      } else {
// CHECK-NEXT:        dataflow.reduce_step %[[V]] on @cols_chain_west forward :
// CHECK-NEXT:      }
// CHECK-NEXT:    }
// CHECK-NEXT:    scf.if %first_x {
// CHECK-NEXT:      dataflow.send %[[V]] on @cols_east async :
// CHECK-NEXT:    }
// CHECK-NEXT:    dataflow.recv %[[V]] on @cols_east :
