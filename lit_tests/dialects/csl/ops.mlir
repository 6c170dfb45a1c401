// RUN: pyflame-opt %s | pyflame-opt | filecheck %s
// RUN: pyflame-opt %s --print-op-generic | pyflame-opt | filecheck %s

"csl.module"() <{kind = #csl<module_kind layout>, sym_name = "layout"}> ({
  %w = arith.constant 2 : i16
  %c = "csl.get_color"(%w) : (i16) -> !csl.color
  csl.layout {
    // CHECK: csl_ext.set_color_config %{{.*}}, %{{.*}}, %{{.*}} route <rx [west, ramp], tx [east]> : i16, i16
    csl_ext.set_color_config %w, %w, %c route <rx [west, ramp], tx [east]> : i16, i16
    // CHECK-NEXT: csl_ext.set_color_config %{{.*}} switch <[tx west], start 1, ring 1, pop always_pop> : i16, i16
    csl_ext.set_color_config %w, %w, %c route <rx [ramp], tx [east]> switch <[tx west], start 1, ring 1, pop always_pop> : i16, i16
    // CHECK-NEXT: csl_ext.export_name "main" : () -> () mutable false
    csl_ext.export_name "main" : () -> () mutable false
  }
}) : () -> ()

"csl.module"() <{kind = #csl<module_kind program>, sym_name = "pe"}> ({
  %two = arith.constant 2 : i16
  %one = arith.constant 1 : i16
  %c = "csl.get_color"(%two) : (i16) -> !csl.color
  // CHECK: csl_ext.array "a" align 16 : memref<64xf32>
  %a = csl_ext.array "a" align 16 : memref<64xf32>
  // CHECK: csl_ext.array "b" constant true = dense<1.000000e+00> : tensor<4xf32> : memref<4xf32>
  %b = csl_ext.array "b" constant true = dense<1.0> : tensor<4xf32> : memref<4xf32>
  // CHECK: csl_ext.get_id 2 : !csl_ext<id input_queue>
  %iq = csl_ext.get_id 2 : !csl_ext<id input_queue>
  %oq = csl_ext.get_id 3 : !csl_ext<id output_queue>
  %t = csl_ext.get_id 8 : !csl_ext<id local_task_id>
  // CHECK: csl_ext.get_data_task_id
  %dt = csl_ext.get_data_task_id %c, %iq
  // CHECK: csl_ext.get_dsr 0 : !csl_ext<dsr dest>
  %r = csl_ext.get_dsr 0 : !csl_ext<dsr dest>
  // CHECK: csl_ext.allocate_fifo %{{.*}} : memref<64xf32>
  %f = csl_ext.allocate_fifo %a : memref<64xf32>
  // CHECK: csl_ext.mem_dsd %{{.*}}[%{{.*}}] extent %{{.*}} stride %{{.*}} : memref<64xf32>, i16, i16, i16 -> !csl<dsd mem1d_dsd>
  %d = csl_ext.mem_dsd %a[%one] extent %two stride %one : memref<64xf32>, i16, i16, i16 -> !csl<dsd mem1d_dsd>
  // CHECK: csl_ext.fab_dsd %{{.*}}, %{{.*}} extent %{{.*}} : !csl_ext<id input_queue>, i16 -> !csl<dsd fabin_dsd>
  %in = csl_ext.fab_dsd %iq, %c extent %two : !csl_ext<id input_queue>, i16 -> !csl<dsd fabin_dsd>
  // CHECK: csl_ext.fab_dsd %{{.*}}, %{{.*}} extent %{{.*}} control : !csl_ext<id output_queue>, i16 -> !csl<dsd fabout_dsd>
  %out = csl_ext.fab_dsd %oq, %c extent %two control : !csl_ext<id output_queue>, i16 -> !csl<dsd fabout_dsd>
  csl.func @f(%x: f32) -> f32 {
    csl.return %x : f32
  }
  csl.func @main() {
    // CHECK: csl_ext.load_to_dsr %{{.*}}, %{{.*}} save_address : !csl_ext<dsr dest>, !csl<dsd mem1d_dsd>
    csl_ext.load_to_dsr %r, %d save_address : !csl_ext<dsr dest>, !csl<dsd mem1d_dsd>
    // CHECK-NEXT: csl_ext.dsd "fadds"(%{{.*}}, %{{.*}}, %{{.*}} : !csl<dsd fabout_dsd>, !csl<dsd mem1d_dsd>, !csl<dsd fabin_dsd>) async activate %{{.*}}
    csl_ext.dsd "fadds"(%out, %d, %in : !csl<dsd fabout_dsd>, !csl<dsd mem1d_dsd>, !csl<dsd fabin_dsd>) async activate %t
    // CHECK-NEXT: csl_ext.dsd "fmovs"(%{{.*}}, %{{.*}} : !csl_ext.fifo, !csl<dsd fabin_dsd>) async unblock %{{.*}} : !csl_ext<id data_task_id>
    csl_ext.dsd "fmovs"(%f, %in : !csl_ext.fifo, !csl<dsd fabin_dsd>) async unblock %dt : !csl_ext<id data_task_id>
    // CHECK-NEXT: csl_ext.map @f(%{{.*}} : !csl<dsd mem1d_dsd>) to %{{.*}} : !csl<dsd mem1d_dsd>
    csl_ext.map @f(%d : !csl<dsd mem1d_dsd>) to %d : !csl<dsd mem1d_dsd>
    // CHECK-NEXT: csl_ext.activate
    csl_ext.activate %t
    // CHECK-NEXT: csl_ext.block %{{.*}} : !csl_ext<id data_task_id>
    csl_ext.block %dt : !csl_ext<id data_task_id>
    // CHECK-NEXT: csl_ext.unblock %{{.*}} : !csl.color
    csl_ext.unblock %c : !csl.color
    csl.return
  }
  // CHECK: csl_ext.comptime {
  csl_ext.comptime {
    // CHECK-NEXT: csl_ext.initialize_queue %{{.*}}, %{{.*}} : !csl_ext<id input_queue>
    csl_ext.initialize_queue %iq, %c : !csl_ext<id input_queue>
    // CHECK-NEXT: csl_ext.export_symbol "main"
    csl_ext.export_symbol "main"
  }
}) : () -> ()
