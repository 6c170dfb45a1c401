// RUN: pyflame-opt %s -p convert-dataflow-to-csl | xdsl-opt -t pyflame-csl | filecheck %s

// A bus: one colour, its routes by position, an asynchronous send and a receive.

dataflow.program @main on "wse2" rows 1 cols 3 {
  %x = dataflow.buffer @x temporary : memref<8xf32>
  dataflow.channel @east along cols [
    #dataflow.route<0, 0 to 1 step 1, [ramp] -> [ramp, east]>,
    #dataflow.route<0, 1 to 2 step 1, [west, ramp] -> [ramp, east]>,
    #dataflow.route<0, 2 to 3 step 1, [west, ramp] -> [ramp]>]
    {colors = array<i64: 4>, input_queue = 2 : i64, output_queue = 3 : i64}
  dataflow.phase "broadcast" {
    %v = dataflow.view %x : memref<8xf32> -> !dataflow.view<8xf32, [1]>
    %first = dataflow.first cols
    scf.if %first {
      dataflow.send %v on @east async : !dataflow.view<8xf32, [1]>
    }
    dataflow.recv %v on @east : !dataflow.view<8xf32, [1]>
  }
  dataflow.finish
}

// CHECK:      const east: color = @get_color(4);
// CHECK:      if (x == 0) {
// CHECK-NEXT:   @set_color_config(column, row, east, .{ .routes = .{ .rx = .{RAMP}, .tx = .{RAMP, EAST} } });
// CHECK-NEXT: }
// CHECK-NEXT: if (x == 1) {
// CHECK-NEXT:   @set_color_config(column, row, east, .{ .routes = .{ .rx = .{WEST, RAMP}, .tx = .{RAMP, EAST} } });
// CHECK-NEXT: }
// CHECK-NEXT: if (x == 2) {
// CHECK-NEXT:   @set_color_config(column, row, east, .{ .routes = .{ .rx = .{WEST, RAMP}, .tx = .{RAMP} } });
// CHECK:      fn phase_broadcast() void {
// CHECK-NEXT:   if (first_cols) {
// CHECK-NEXT:     @fmovs(east_out, x_dsd, .{ .async = true });
// CHECK-NEXT:   }
// CHECK-NEXT:   @fmovs(x_dsd, east_in);
// CHECK-NEXT: }
// CHECK:      memcpy.unblock_cmd_stream();
// CHECK:      @initialize_queue(east_out_queue, if (@is_arch("wse3")) .{ .color = east } else .{});
// CHECK-NEXT: @initialize_queue(east_in_queue, .{ .color = east });
