// RUN: not pyflame-opt %s -p convert-dataflow-to-csl 2>&1 | filecheck %s

dataflow.program @main on "wse2" rows 1 cols 2 {
  %x = dataflow.buffer @x temporary : memref<8xf32>
  dataflow.channel @east along cols [
    #dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>,
    #dataflow.route<0, 1 to 2 step 1, [west] -> [ramp]>]
  dataflow.phase "send" {
    %v = dataflow.view %x : memref<8xf32> -> !dataflow.view<8xf32, [1]>
    dataflow.send %v on @east : !dataflow.view<8xf32, [1]>
  }
  dataflow.finish
}

// CHECK: channel @east has no colours yet; run dataflow-allocate-colors and dataflow-allocate-queues before convert-dataflow-to-csl
