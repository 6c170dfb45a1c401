// RUN: not pyflame-opt %s -p dataflow-check-traffic 2>&1 | filecheck %s

// PE 1 uses the bus, then PE 0, whom nothing tells that PE 1's words have left.

dataflow.program @main on "wse2" rows 1 cols 3 {
  %x = dataflow.buffer @x temporary : memref<8xf32>
  dataflow.channel @bus along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [ramp, east]>, #dataflow.route<0, 1 to 2 step 1, [west, ramp] -> [ramp, east]>, #dataflow.route<0, 2 to 3 step 1, [west, ramp] -> [ramp]>]
  %me = dataflow.coord cols
  %first = dataflow.first cols
  %one = arith.constant 1 : index
  %v = dataflow.view %x : memref<8xf32> -> !dataflow.view<8xf32, [1]>
  dataflow.phase "one" {
    %second = arith.cmpi eq, %me, %one : index
    scf.if %second {
      dataflow.send %v on @bus async : !dataflow.view<8xf32, [1]>
    }
    %behind = arith.cmpi sge, %me, %one : index
    scf.if %behind {
      dataflow.recv %v on @bus : !dataflow.view<8xf32, [1]>
    }
  }
  dataflow.phase "zero" {
    scf.if %first {
      dataflow.send %v on @bus async : !dataflow.view<8xf32, [1]>
    }
    dataflow.recv %v on @bus : !dataflow.view<8xf32, [1]>
  }
  dataflow.finish
}

// CHECK:      program main cannot run:
// CHECK-NEXT:   - race on bus at PE (0, 1): words of PE (0, 0) and of PE (0, 1) may arrive at once, from west and ramp
