// RUN: pyflame-opt %s -p dataflow-lower-tokens --split-input-file | filecheck %s

// Hearing one's own words implies that they have left.

dataflow.program @implied on "wse2" rows 1 cols 2 {
  %x = dataflow.buffer @x temporary : memref<8xf32>
  dataflow.channel @bus along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [ramp, east]>, #dataflow.route<0, 1 to 2 step 1, [west, ramp] -> [ramp]>]
  dataflow.phase "p" {
    %v = dataflow.view %x : memref<8xf32> -> !dataflow.view<8xf32, [1]>
    %t = dataflow.send %v on @bus async : !dataflow.view<8xf32, [1]> -> !dataflow.token
    dataflow.recv %v on @bus : !dataflow.view<8xf32, [1]>
    dataflow.await %t
  }
  dataflow.finish
}

// CHECK:      dataflow.program @implied
// CHECK:        dataflow.send %v on @bus async : !dataflow.view<8xf32, [1]>
// CHECK-NEXT:   dataflow.recv %v on @bus
// CHECK-NEXT: }
// CHECK-NEXT: dataflow.finish

// -----

// Otherwise what follows the await is a task.

dataflow.program @split on "wse2" rows 1 cols 2 {
  %x = dataflow.buffer @x temporary : memref<8xf32>
  dataflow.channel @link along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>, #dataflow.route<0, 1 to 2 step 1, [west] -> [ramp]>]
  dataflow.phase "p" {
    %v = dataflow.view %x : memref<8xf32> -> !dataflow.view<8xf32, [1]>
    %t = dataflow.send %v on @link async : !dataflow.view<8xf32, [1]> -> !dataflow.token
    dataflow.await %t
    dataflow.neg %v, %v : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [1]>
  }
  dataflow.finish
}

// CHECK:      dataflow.program @split
// CHECK:        dataflow.send %v on @link async activate @after_send_0
// CHECK-NEXT: }
// CHECK-NEXT: dataflow.task @after_send_0 {
// CHECK-NEXT:   dataflow.phase "p" {
// CHECK-NEXT:     %[[V:.*]] = dataflow.view %x
// CHECK-NEXT:     dataflow.neg %[[V]], %[[V]]
// CHECK-NEXT:   }
// CHECK-NEXT:   dataflow.finish
// CHECK-NEXT: }
