// RUN: xdsl-opt -t pyflame-csl %s | filecheck %s

// CHECK: // FILE: layout.csl
"csl.module"() <{kind = #csl<module_kind layout>, sym_name = "layout"}> ({
  %two = arith.constant 2 : i16
  // CHECK-NEXT: const bus: color = @get_color(2);
  %bus = "csl.get_color"(%two) : (i16) -> !csl.color
  // CHECK: layout {
  csl.layout {
    // CHECK-NEXT: @set_color_config(2, 2, bus, .{ .routes = .{ .rx = .{WEST, RAMP}, .tx = .{EAST} } });
    csl_ext.set_color_config %two, %two, %bus route <rx [west, ramp], tx [east]> : i16, i16
    // CHECK-NEXT: .switches = .{ .pos1 = .{ .tx = WEST }, .current_switch_pos = 1, .ring_mode = true, .pop_mode = .{ .always_pop = true } } });
    csl_ext.set_color_config %two, %two, %bus route <rx [ramp], tx [east]> switch <[tx west], start 1, ring 1, pop always_pop> : i16, i16
    // CHECK-NEXT: @export_name("main", fn()void);
    csl_ext.export_name "main" : () -> () mutable false
  }
}) : () -> ()

// CHECK: // FILE: pe.csl
"csl.module"() <{kind = #csl<module_kind program>, sym_name = "pe"}> ({
  // CHECK-NEXT: param bus: color;
  %bus = csl_ext.param "bus" : !csl.color
  // CHECK-NEXT: param memcpy_params;
  %params = csl_ext.param "memcpy_params" : !csl.comptime_struct
  %n = arith.constant 8 : i16
  // CHECK-NEXT: var a: [8]f32 = @zeros([8]f32);
  %a = csl_ext.array "a" : memref<8xf32>
  // CHECK-NEXT: const d: mem1d_dsd = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{8} -> a[i] });
  %d = "csl.get_mem_dsd"(%a, %n) <{tensor_access = affine_map<(d0) -> (d0)>}> : (memref<8xf32>, i16) -> !csl<dsd mem1d_dsd>
  // CHECK-NEXT: const iq: input_queue = @get_input_queue(2);
  %iq = csl_ext.get_id 2 : !csl_ext<id input_queue>
  // CHECK-NEXT: const oq: output_queue = @get_output_queue(3);
  %oq = csl_ext.get_id 3 : !csl_ext<id output_queue>
  // CHECK-NEXT: const in: fabin_dsd = @get_dsd(fabin_dsd, .{ .extent = 8, .fabric_color = bus, .input_queue = iq });
  %in = csl_ext.fab_dsd %iq, %bus extent %n : !csl_ext<id input_queue>, i16 -> !csl<dsd fabin_dsd>
  // CHECK-NEXT: const out: fabout_dsd = @get_dsd(fabout_dsd, .{ .extent = 8, .fabric_color = bus, .output_queue = oq });
  %out = csl_ext.fab_dsd %oq, %bus extent %n : !csl_ext<id output_queue>, i16 -> !csl<dsd fabout_dsd>
  // CHECK-NEXT: const done: local_task_id = @get_local_task_id(9);
  %done = csl_ext.get_id 9 : !csl_ext<id local_task_id>
  // CHECK-NEXT: const dest = @get_dsr(dsr_dest, 0);
  %dest = csl_ext.get_dsr 0 : !csl_ext<dsr dest>
  // CHECK: fn main() void {
  csl.func @main() {
    // CHECK-NEXT: @load_to_dsr(dest, d, .{ .save_address = true });
    csl_ext.load_to_dsr %dest, %d save_address : !csl_ext<dsr dest>, !csl<dsd mem1d_dsd>
    // CHECK-NEXT: @fadds(out, d, in, .{ .async = true, .activate = done });
    csl_ext.dsd "fadds"(%out, %d, %in : !csl<dsd fabout_dsd>, !csl<dsd mem1d_dsd>, !csl<dsd fabin_dsd>) async activate %done
    csl.return
  }
  // CHECK: task finish() void {
  csl.task @finish() attributes {kind = #csl<task_kind local>} {
    csl.return
  }
  // CHECK: comptime {
  csl_ext.comptime {
    // CHECK-NEXT: @bind_local_task(finish, done);
    csl_ext.bind_task @finish, %done : !csl_ext<id local_task_id>
    // CHECK-NEXT: @initialize_queue(iq, .{ .color = bus });
    csl_ext.initialize_queue %iq, %bus : !csl_ext<id input_queue>
    // CHECK-NEXT: @initialize_queue(oq, if (@is_arch("wse3")) .{ .color = bus } else .{});
    csl_ext.initialize_queue %oq, %bus : !csl_ext<id output_queue>
  }
}) : () -> ()
