// RUN: pyflame-opt %s | pyflame-opt | filecheck %s
// RUN: pyflame-opt %s --print-op-generic | pyflame-opt | filecheck %s

dataflow.program @main on "wse2" rows 1 cols 4 {
  %x = dataflow.buffer @x input {tensor = tensor<8x128xf32, #mesh.layout<1x4, [-, cols]>>, host = "x.0"} : memref<8x32xf32>
  %h = dataflow.buffer @h temporary {address = 1024 : i64} : memref<32xf16>
  %c = dataflow.buffer @c temporary : memref<8x12xf32>
  dataflow.channel @cols_east along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [ramp, east]>, #dataflow.route<0, 1 to 4 step 1, [west, ramp] -> [ramp]>] {colors = array<i64: 3>, input_queue = 2 : i64, output_queue = 1 : i64}
  %me = dataflow.coord cols
  %odd = dataflow.parity cols
  %first = dataflow.first cols
  %last = dataflow.last rows
  %n = dataflow.valid cols tile 32 of 100
  dataflow.phase "vectors" {
    %a = dataflow.view %x : memref<8x32xf32> -> !dataflow.view<32xf32, [1]>
    %b = dataflow.view %h : memref<32xf16> -> !dataflow.view<32xf16, [1]>
    %s = arith.constant 2.0 : f32
    dataflow.copy %a, %s : !dataflow.view<32xf32, [1]>, f32
    dataflow.convert %b, %a : !dataflow.view<32xf16, [1]>, !dataflow.view<32xf32, [1]>
    dataflow.neg %a, %a : !dataflow.view<32xf32, [1]>, !dataflow.view<32xf32, [1]>
    dataflow.abs %b, %b : !dataflow.view<32xf16, [1]>, !dataflow.view<32xf16, [1]>
    dataflow.add %a, %a, %b : !dataflow.view<32xf32, [1]>, !dataflow.view<32xf32, [1]>, !dataflow.view<32xf16, [1]>
    dataflow.sub %a, %s, %a : !dataflow.view<32xf32, [1]>, f32, !dataflow.view<32xf32, [1]>
    dataflow.mul %a, %a, %s : !dataflow.view<32xf32, [1]>, !dataflow.view<32xf32, [1]>, f32
    dataflow.max %a, %a, %s : !dataflow.view<32xf32, [1]>, !dataflow.view<32xf32, [1]>, f32
    dataflow.mac %a, %a, %a, %s : !dataflow.view<32xf32, [1]>, !dataflow.view<32xf32, [1]>, !dataflow.view<32xf32, [1]>, f32
    %acc = dataflow.view %c base 4 : memref<8x12xf32> -> !dataflow.view<8x32xf32, [1, 0]>
    %src = dataflow.view %x : memref<8x32xf32> -> !dataflow.view<8x32xf32, [32, 1]>
    dataflow.reduce max %acc, %src : !dataflow.view<8x32xf32, [1, 0]>, !dataflow.view<8x32xf32, [32, 1]>
    dataflow.map into %a, ins(%b : !dataflow.view<32xf16, [1]>) {
    ^bb0(%e: f16):
      %w = arith.extf %e : f16 to f32
      dataflow.yield %w : f32
    } : !dataflow.view<32xf32, [1]>
  }
  dataflow.phase "product" {
    %z = dataflow.view %c : memref<8x12xf32> -> !dataflow.view<8x12xf32, [12, 1]>
    %l = dataflow.view %x offset (%me) sizes (%n) : memref<8x32xf32> -> !dataflow.view<8x?xf32, [1, 8]>
    %r = dataflow.view %x sizes (%n) : memref<8x32xf32> -> !dataflow.view<?x12xf32, [12, 1]>
    dataflow.matmul n %z, %l, %r : !dataflow.view<8x12xf32, [12, 1]>, !dataflow.view<8x?xf32, [1, 8]>, !dataflow.view<?x12xf32, [12, 1]>
  }
  dataflow.phase "traffic" {
    %m = dataflow.view %x : memref<8x32xf32> -> !dataflow.view<32xf32, [1]>
    dataflow.send %m on @cols_east : !dataflow.view<32xf32, [1]>
    dataflow.send %m on @cols_east async : !dataflow.view<32xf32, [1]>
    dataflow.send %m on @cols_east async activate @sent : !dataflow.view<32xf32, [1]>
    %t = dataflow.send %m on @cols_east async : !dataflow.view<32xf32, [1]> -> !dataflow.token
    dataflow.recv %m on @cols_east : !dataflow.view<32xf32, [1]>
    dataflow.await %t
    dataflow.reduce_step %m on @cols_east : !dataflow.view<32xf32, [1]>
    dataflow.reduce_step %m on @cols_east forward : !dataflow.view<32xf32, [1]>
  }
  dataflow.task @sent id 9 {
    dataflow.finish
  }
}

// CHECK:       dataflow.program @main on "wse2" rows 1 cols 4 {
// CHECK-NEXT:    %x = dataflow.buffer @x input {tensor = tensor<8x128xf32, #mesh.layout<1x4, [-, cols]>>, host = "x.0"} : memref<8x32xf32>
// CHECK-NEXT:    %h = dataflow.buffer @h temporary {address = 1024 : i64} : memref<32xf16>
// CHECK-NEXT:    %c = dataflow.buffer @c temporary : memref<8x12xf32>
// CHECK-NEXT:    dataflow.channel @cols_east along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [ramp, east]>, #dataflow.route<0, 1 to 4 step 1, [west, ramp] -> [ramp]>] {colors = array<i64: 3>, input_queue = 2 : i64, output_queue = 1 : i64}
// CHECK-NEXT:    %me = dataflow.coord cols
// CHECK-NEXT:    %odd = dataflow.parity cols
// CHECK-NEXT:    %first = dataflow.first cols
// CHECK-NEXT:    %last = dataflow.last rows
// CHECK-NEXT:    %n = dataflow.valid cols tile 32 of 100
// CHECK-NEXT:    dataflow.phase "vectors" {
// CHECK:           dataflow.copy %a, %s : !dataflow.view<32xf32, [1]>, f32
// CHECK-NEXT:      dataflow.convert %b, %a : !dataflow.view<32xf16, [1]>, !dataflow.view<32xf32, [1]>
// CHECK-NEXT:      dataflow.neg %a, %a
// CHECK-NEXT:      dataflow.abs %b, %b
// CHECK-NEXT:      dataflow.add %a, %a, %b
// CHECK-NEXT:      dataflow.sub %a, %s, %a : !dataflow.view<32xf32, [1]>, f32, !dataflow.view<32xf32, [1]>
// CHECK-NEXT:      dataflow.mul %a, %a, %s
// CHECK-NEXT:      dataflow.max %a, %a, %s
// CHECK-NEXT:      dataflow.mac %a, %a, %a, %s
// CHECK-NEXT:      %acc = dataflow.view %c base 4 : memref<8x12xf32> -> !dataflow.view<8x32xf32, [1, 0]>
// CHECK:           dataflow.reduce max %acc, %src
// CHECK-NEXT:      dataflow.map into %a, ins(%b : !dataflow.view<32xf16, [1]>) {
// CHECK:             dataflow.yield %w : f32
// CHECK-NEXT:      } : !dataflow.view<32xf32, [1]>
// CHECK:           %l = dataflow.view %x offset(%me) sizes(%n) : memref<8x32xf32> -> !dataflow.view<8x?xf32, [1, 8]>
// CHECK:           dataflow.matmul n %z, %l, %r
// CHECK:           dataflow.send %m on @cols_east : !dataflow.view<32xf32, [1]>
// CHECK-NEXT:      dataflow.send %m on @cols_east async : !dataflow.view<32xf32, [1]>
// CHECK-NEXT:      dataflow.send %m on @cols_east async activate @sent : !dataflow.view<32xf32, [1]>
// CHECK-NEXT:      %t = dataflow.send %m on @cols_east async : !dataflow.view<32xf32, [1]> -> !dataflow.token
// CHECK-NEXT:      dataflow.recv %m on @cols_east : !dataflow.view<32xf32, [1]>
// CHECK-NEXT:      dataflow.await %t
// CHECK-NEXT:      dataflow.reduce_step %m on @cols_east : !dataflow.view<32xf32, [1]>
// CHECK-NEXT:      dataflow.reduce_step %m on @cols_east forward : !dataflow.view<32xf32, [1]>
// CHECK:         dataflow.task @sent id 9 {
// CHECK-NEXT:      dataflow.finish
