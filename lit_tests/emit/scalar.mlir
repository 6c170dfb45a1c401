// RUN: xdsl-opt -t pyflame-csl %s | filecheck %s

// Arithmetic on scalars: every operand is in parentheses unless it is a name or a literal.

// CHECK: // FILE: pe.csl
"csl.module"() <{kind = #csl<module_kind program>, sym_name = "pe"}> ({
  // CHECK-LABEL: fn floats(x: f32, y: f32) f32 {
  csl.func @floats(%x: f32, %y: f32) -> f32 {
    %tenth = arith.constant 0.1 : f32
    %inf = arith.constant 0x7f800000 : f32
    // CHECK-NEXT: return ((if ((x > y) or (x != x)) x else y) * 0.1) + @bitcast(f32, @as(u32, 0x7f800000));
    %max = arith.maximumf %x, %y : f32
    %scaled = arith.mulf %max, %tenth : f32
    %sum = arith.addf %scaled, %inf : f32
    csl.return %sum : f32
  }
  // A value that is used twice is computed once.
  // CHECK-LABEL: fn twice(x: f32) f32 {
  csl.func @twice(%x: f32) -> f32 {
    // CHECK-NEXT: const square: f32 = x * x;
    // CHECK-NEXT: return square + square;
    %square = arith.mulf %x, %x : f32
    %sum = arith.addf %square, %square : f32
    csl.return %sum : f32
  }
  // Signless integers compare as unsigned through bit casts.
  // CHECK-LABEL: fn unsigned(a: i16, b: i16) bool {
  csl.func @unsigned(%a: i16, %b: i16) -> i1 {
    // CHECK-NEXT: return @bitcast(u16, a) < @bitcast(u16, b);
    %less = arith.cmpi ult, %a, %b : i16
    csl.return %less : i1
  }
  // A bare literal has no type as a branch of an expression.
  // CHECK-LABEL: fn clamp(n: i32) i32 {
  csl.func @clamp(%n: index) -> index {
    // CHECK-NEXT: return if (n < 8) n else @as(i32, 8);
    %eight = arith.constant 8 : index
    %least = arith.minsi %n, %eight : index
    csl.return %least : index
  }
}) : () -> ()
