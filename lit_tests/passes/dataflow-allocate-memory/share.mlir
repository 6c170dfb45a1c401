// RUN: pyflame-opt %s -p dataflow-allocate-memory | filecheck %s

// %a and %c are never needed at once, so they share one place; %b meets both.

dataflow.program @main on "wse2" rows 1 cols 1 {
  %x = dataflow.buffer @x output {tensor = tensor<8xf32, #mesh.layout<1x1, [-]>>} : memref<8xf32>
  %a = dataflow.buffer @a temporary : memref<8xf32>
  %b = dataflow.buffer @b temporary : memref<8xf32>
  %c = dataflow.buffer @c temporary : memref<8xf32>
  %s = arith.constant 1.0 : f32
  %xv = dataflow.view %x : memref<8xf32> -> !dataflow.view<8xf32, [1]>
  %av = dataflow.view %a : memref<8xf32> -> !dataflow.view<8xf32, [1]>
  %bv = dataflow.view %b : memref<8xf32> -> !dataflow.view<8xf32, [1]>
  %cv = dataflow.view %c : memref<8xf32> -> !dataflow.view<8xf32, [1]>
  dataflow.copy %av, %s : !dataflow.view<8xf32, [1]>, f32
  dataflow.copy %bv, %av : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [1]>
  dataflow.copy %cv, %bv : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [1]>
  dataflow.copy %xv, %cv : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [1]>
  dataflow.finish
}

// CHECK:      dataflow.memory = [{name = "x", purpose = "output", bytes = 32 : i64, address = 0 : i64}, {name = "a", purpose = "temporary", bytes = 32 : i64, address = 32 : i64}, {name = "b", purpose = "temporary", bytes = 32 : i64, address = 64 : i64}, {name = "c", purpose = "temporary", bytes = 32 : i64, address = 32 : i64}]
// CHECK-NEXT:   %x = dataflow.buffer @x output
// CHECK-NEXT:   %temporaries_f32 = dataflow.buffer @temporaries_f32 temporary {address = 32 : i64} : memref<16xf32>
// CHECK:        %av = dataflow.view %temporaries_f32 : memref<16xf32>
// CHECK-NEXT:   %bv = dataflow.view %temporaries_f32 base 8 : memref<16xf32>
// CHECK-NEXT:   %cv = dataflow.view %temporaries_f32 : memref<16xf32>
