// RUN: not pyflame-opt %s -p dataflow-check 2>&1 | filecheck %s

// Everything that is wrong is said at once.

dataflow.program @main on "wse2" rows 1 cols 2 {
  %x = dataflow.buffer @x temporary : memref<8xf32>
  dataflow.channel @link along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>] {colors = array<i64: 23>}
  %v = dataflow.view %x : memref<8xf32> -> !dataflow.view<8xf32, [1]>
  dataflow.send %v on @link : !dataflow.view<8xf32, [1]>
}

// CHECK:      program main is not legal:
// CHECK-NEXT:   - channel link, slot 0, position 0: tx east, but position 1 takes from no west
// CHECK-NEXT:   - channel link has no consumer: nothing receives from it
// CHECK-NEXT:   - channel link has colour 23, which no program may use
// CHECK-NEXT:   - channel link has no output queue: run dataflow-allocate-queues
// CHECK-NEXT:   - buffer x has no address: run dataflow-allocate-memory
// CHECK-NEXT:   - program has 0 dataflow.finish, expected one
