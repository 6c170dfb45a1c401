// RUN: pyflame-opt %s -p dataflow-predict-cycles | filecheck %s

// setup 1, two views to load at 9 each, 256 elements at 2 per cycle: 147; a loop of ten: 10 · (147 + 3).

dataflow.program @main on "wse2" rows 1 cols 1 {
  %x = dataflow.buffer @x temporary : memref<256xf32>
  dataflow.phase "once" {
    %v = dataflow.view %x : memref<256xf32> -> !dataflow.view<256xf32, [1]>
    dataflow.neg %v, %v : !dataflow.view<256xf32, [1]>, !dataflow.view<256xf32, [1]>
  }
  dataflow.phase "ten times" {
    %v = dataflow.view %x : memref<256xf32> -> !dataflow.view<256xf32, [1]>
    %0 = arith.constant 0 : index
    %1 = arith.constant 1 : index
    %10 = arith.constant 10 : index
    scf.for %i = %0 to %10 step %1 {
      dataflow.neg %v, %v : !dataflow.view<256xf32, [1]>, !dataflow.view<256xf32, [1]>
    }
  }
  dataflow.finish
}

// CHECK: dataflow.program @main {{.*}}dataflow.cycles = 1647 : i64
// CHECK: dataflow.phase "once" attributes {dataflow.cycles = 147 : i64}
// CHECK: dataflow.phase "ten times" attributes {dataflow.cycles = 1500 : i64}
