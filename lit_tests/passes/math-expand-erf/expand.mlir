// RUN: pyflame-opt %s -p math-expand-erf | filecheck %s

// 1 + erf(z), as gelu has it, becomes erfc(-z): one exp, no erf.

func.func @f(%z: f32) -> f32 {
  %e = math.erf %z : f32
  %one = arith.constant 1.0 : f32
  %g = arith.addf %one, %e : f32
  func.return %g : f32
}

// CHECK-NOT: math.erf
// CHECK:     math.absf %z
// CHECK-NOT: math.erf
// CHECK:     math.exp
// CHECK-NOT: math.exp
// CHECK:     arith.select
// CHECK-NEXT: func.return
