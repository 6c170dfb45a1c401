// RUN: pyflame-opt %s -p dataflow-predict-cycles | filecheck %s

// Two views to load in a cycle each, 3 cycles to wait, 256 elements at 2 per cycle: 133; a loop of ten:
// 10 · (133 + 6).

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

// CHECK: dataflow.program @main {{.*}}dataflow.cycles = 1523 : i64
// CHECK: dataflow.phase "once" attributes {dataflow.cycles = 133 : i64}
// CHECK: dataflow.phase "ten times" attributes {dataflow.cycles = 1390 : i64}
