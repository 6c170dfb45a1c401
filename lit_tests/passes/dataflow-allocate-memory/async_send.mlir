// RUN: pyflame-opt %s -p dataflow-allocate-memory | filecheck %s

// The asynchronous send may still read %a while %b is received: they do not share a place.

dataflow.program @main on "wse2" rows 1 cols 2 {
  %a = dataflow.buffer @a temporary : memref<8xf32>
  %b = dataflow.buffer @b temporary : memref<8xf32>
  dataflow.channel @east along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [ramp, east]>, #dataflow.route<0, 1 to 2 step 1, [west, ramp] -> [ramp]>]
  dataflow.phase "gather" {
    %av = dataflow.view %a : memref<8xf32> -> !dataflow.view<8xf32, [1]>
    %bv = dataflow.view %b : memref<8xf32> -> !dataflow.view<8xf32, [1]>
    dataflow.send %av on @east async : !dataflow.view<8xf32, [1]>
    dataflow.recv %bv on @east : !dataflow.view<8xf32, [1]>
  }
  dataflow.finish
}

// CHECK: dataflow.memory = [{name = "a", purpose = "temporary", bytes = 32 : i64, address = 0 : i64}, {name = "b", purpose = "temporary", bytes = 32 : i64, address = 32 : i64}]
