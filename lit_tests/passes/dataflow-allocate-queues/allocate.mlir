// RUN: pyflame-opt %s -p dataflow-allocate-queues | filecheck %s

// Queues that both architectures leave to programs go first: input 1 of WSE-2 is deeper, but WSE-3
// keeps it for memcpy. Of those, the deepest: input 2 holds 4 words, output 2 holds 6.

dataflow.program @main on "wse2" rows 1 cols 2 {
  %x = dataflow.buffer @x temporary : memref<8xf32>
  dataflow.channel @link along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>, #dataflow.route<0, 1 to 2 step 1, [west] -> [ramp]>]
  %first = dataflow.first cols
  %v = dataflow.view %x : memref<8xf32> -> !dataflow.view<8xf32, [1]>
  scf.if %first {
    dataflow.send %v on @link : !dataflow.view<8xf32, [1]>
  } else {
    dataflow.recv %v on @link : !dataflow.view<8xf32, [1]>
  }
}

// CHECK:      dataflow.channel @link
// CHECK-SAME:   {input_queue = 2 : i64, output_queue = 2 : i64}
