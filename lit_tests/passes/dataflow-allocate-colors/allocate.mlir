// RUN: pyflame-opt %s -p dataflow-allocate-colors | filecheck %s

// A chain takes a colour for each slot; what has colours keeps them.

dataflow.program @main on "wse2" rows 1 cols 3 {
  dataflow.channel @chain along cols [#dataflow.route<0, 2 to 3 step 2, [ramp] -> [west]>, #dataflow.route<0, 1 to 2 step 2, [east] -> [ramp]>, #dataflow.route<1, 1 to 2 step 2, [ramp] -> [west]>, #dataflow.route<1, 0 to 1 step 2, [east] -> [ramp]>]
  dataflow.channel @fixed along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>] {colors = array<i64: 1>}
}

// CHECK:      dataflow.channel @chain
// CHECK-SAME:   {colors = array<i64: 0, 2>}
// CHECK-NEXT: dataflow.channel @fixed
// CHECK-SAME:   {colors = array<i64: 1>}
