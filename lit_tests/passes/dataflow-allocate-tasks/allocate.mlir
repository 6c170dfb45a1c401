// RUN: pyflame-opt %s -p dataflow-allocate-tasks | filecheck %s

// On WSE-2 task ids and colours share one table: id 0 is taken by the channel's colour.

dataflow.program @main on "wse2" rows 1 cols 2 {
  dataflow.channel @link along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>] {colors = array<i64: 0>}
  dataflow.task @sent {
    dataflow.finish
  }
}

// CHECK: dataflow.task @sent id 1 {
