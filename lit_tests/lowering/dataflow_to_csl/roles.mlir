// RUN: pyflame-opt %s -p convert-dataflow-to-csl | filecheck %s
// RUN: pyflame-opt %s -p convert-dataflow-to-csl | xdsl-opt -t pyflame-csl | filecheck %s --check-prefix TEXT

// A role is a parameter of the program; the layout computes it from the PE's place.

dataflow.program @main on "wse2" rows 2 cols 4 {
  %x = dataflow.buffer @x output {tensor = tensor<30xf32, #mesh.layout<2x4, [cols]>>} : memref<8xf32>
  dataflow.phase "fill" {
    %n = dataflow.valid cols tile 8 of 30
    %first = dataflow.first rows
    scf.if %first {
      %one = arith.constant 1.0 : f32
      %v = dataflow.view %x sizes(%n) : memref<8xf32> -> !dataflow.view<?xf32, [1]>
      dataflow.copy %v, %one : !dataflow.view<?xf32, [1]>, f32
    }
  }
  dataflow.finish
}

// CHECK: builtin.module attributes {csl_ext.program = {target = "wse2", rows = 2 : i64, cols = 4 : i64
// CHECK: "csl.module"() <{kind = #csl<module_kind layout>, sym_name = "layout"}> ({
// CHECK: "csl.set_tile_code"({{.*}}) <{file = "pe.csl"}>
// CHECK: "csl.module"() <{kind = #csl<module_kind program>, sym_name = "pe"}> ({
// CHECK-NEXT: csl_ext.param "valid_cols_8_of_30" : index
// CHECK-NEXT: csl_ext.param "first_rows" : i1

// TEXT: @set_rectangle(4, 2);
// TEXT: for (@range(i32, 4)) |x| {
// TEXT: for (@range(i32, 2)) |y| {
// TEXT: .first_rows = y == 0
// TEXT: param valid_cols_8_of_30: i32;
// TEXT-NEXT: param first_rows: bool;
// TEXT: // phase fill
// TEXT-NEXT: fn phase_fill() void {
// TEXT-NEXT:   if (first_rows) {
// TEXT-NEXT:     @fmovs(x_dsd, 1.0);
