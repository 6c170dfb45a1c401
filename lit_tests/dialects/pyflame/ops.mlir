// RUN: pyflame-opt %s | pyflame-opt | filecheck %s
// RUN: pyflame-opt --print-op-generic %s | pyflame-opt | filecheck %s
// RUN: pyflame-opt --print-op-generic %s | filecheck %s --check-prefix GENERIC

// GENERIC: "pyflame.sum"(%{{.*}}) <{dims = array<i64: 0, 1>, keepdims}> : (tensor<3x4xf32>) -> tensor<1x1xf32>

func.func @elementwise(%x: tensor<3x4xf32>, %y: tensor<4xf32> {pyflame.name = "bias"}, %b: tensor<3x4xi1>) {
  // CHECK: func.func @elementwise(%x: tensor<3x4xf32>, %y: tensor<4xf32> {pyflame.name = "bias"}, %b: tensor<3x4xi1>)
  %0 = pyflame.exp %x : tensor<3x4xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.exp %x : tensor<3x4xf32> -> tensor<3x4xf32>
  %1 = pyflame.gelu %x : tensor<3x4xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.gelu %x : tensor<3x4xf32> -> tensor<3x4xf32>
  %2 = pyflame.gelu %x approximate tanh : tensor<3x4xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.gelu %x approximate tanh : tensor<3x4xf32> -> tensor<3x4xf32>
  %3 = pyflame.add %x, %y : tensor<3x4xf32>, tensor<4xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.add %x, %y : tensor<3x4xf32>, tensor<4xf32> -> tensor<3x4xf32>
  %4 = pyflame.compare lt, %x, %y : tensor<3x4xf32>, tensor<4xf32> -> tensor<3x4xi1>
  // CHECK-NEXT: %{{.*}} = pyflame.compare lt, %x, %y : tensor<3x4xf32>, tensor<4xf32> -> tensor<3x4xi1>
  %5 = pyflame.select %b, %x, %y : tensor<3x4xi1>, tensor<3x4xf32>, tensor<4xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.select %b, %x, %y : tensor<3x4xi1>, tensor<3x4xf32>, tensor<4xf32> -> tensor<3x4xf32>
  %6 = pyflame.clamp %x min 0.0 : f64 max 6.0 : f64 : tensor<3x4xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.clamp %x min 0.000000e+00 : f64 max 6.000000e+00 : f64 : tensor<3x4xf32> -> tensor<3x4xf32>
  %7 = pyflame.clamp %x max 6.0 : f64 : tensor<3x4xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.clamp %x max 6.000000e+00 : f64 : tensor<3x4xf32> -> tensor<3x4xf32>
  %8 = pyflame.cast %x : tensor<3x4xf32> -> tensor<3x4xf16>
  // CHECK-NEXT: %{{.*}} = pyflame.cast %x : tensor<3x4xf32> -> tensor<3x4xf16>
  func.return
}

func.func @contraction_and_reduction(%x: tensor<3x4xf32>, %w: tensor<5x4xf32>) {
  // CHECK: func.func @contraction_and_reduction
  %0 = pyflame.matmul %x, %w transpose_b : tensor<3x4xf32>, tensor<5x4xf32> -> tensor<3x5xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.matmul %x, %w transpose_b : tensor<3x4xf32>, tensor<5x4xf32> -> tensor<3x5xf32>
  %1 = pyflame.sum %x dims [0, 1] keepdims : tensor<3x4xf32> -> tensor<1x1xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.sum %x dims [0, 1] keepdims : tensor<3x4xf32> -> tensor<1x1xf32>
  %2 = pyflame.max %x dims [1] : tensor<3x4xf32> -> tensor<3xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.max %x dims [1] : tensor<3x4xf32> -> tensor<3xf32>
  %3 = pyflame.argmax %x dim 1 : tensor<3x4xf32> -> tensor<3xi64>
  // CHECK-NEXT: %{{.*}} = pyflame.argmax %x dim 1 : tensor<3x4xf32> -> tensor<3xi64>
  %4 = pyflame.softmax %x dim 0 : tensor<3x4xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.softmax %x dim 0 : tensor<3x4xf32> -> tensor<3x4xf32>
  func.return
}

func.func @movement(%x: tensor<3x4xf32>) {
  // CHECK: func.func @movement
  %0 = pyflame.reshape %x : tensor<3x4xf32> -> tensor<2x6xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.reshape %x : tensor<3x4xf32> -> tensor<2x6xf32>
  %1 = pyflame.transpose %x [1, 0] : tensor<3x4xf32> -> tensor<4x3xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.transpose %x [1, 0] : tensor<3x4xf32> -> tensor<4x3xf32>
  %2 = pyflame.broadcast_to %x : tensor<3x4xf32> -> tensor<2x3x4xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.broadcast_to %x : tensor<3x4xf32> -> tensor<2x3x4xf32>
  %3 = pyflame.concatenate %x, %x dim 0 : tensor<3x4xf32>, tensor<3x4xf32> -> tensor<6x4xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.concatenate %x, %x dim 0 : tensor<3x4xf32>, tensor<3x4xf32> -> tensor<6x4xf32>
  %4 = pyflame.slice %x starts [0, 1] stops [3, 4] steps [1, 2] : tensor<3x4xf32> -> tensor<3x2xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.slice %x starts [0, 1] stops [3, 4] steps [1, 2] : tensor<3x4xf32> -> tensor<3x2xf32>
  %5 = pyflame.pad %x low [0, 1] high [0, 2] value 0.0 : f64 : tensor<3x4xf32> -> tensor<3x7xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.pad %x low [0, 1] high [0, 2] value 0.000000e+00 : f64 : tensor<3x4xf32> -> tensor<3x7xf32>
  func.return
}

func.func @creation(%state: tensor<2xi64>) {
  // CHECK: func.func @creation
  %0 = pyflame.constant dense<[1.0, 2.0]> : tensor<2xf32> -> tensor<2xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32> -> tensor<2xf32>
  %1 = pyflame.full 7 : i64 -> tensor<3xi32>
  // CHECK-NEXT: %{{.*}} = pyflame.full 7 : i64 -> tensor<3xi32>
  %2 = pyflame.arange start 0 : i64 step 2 : i64 -> tensor<5xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.arange start 0 : i64 step 2 : i64 -> tensor<5xf32>
  %3 = pyflame.rng_uniform %state low 0.0 : f64 high 1.0 : f64 : tensor<2xi64> -> tensor<3xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.rng_uniform %state low 0.000000e+00 : f64 high 1.000000e+00 : f64 : tensor<2xi64> -> tensor<3xf32>
  %4 = pyflame.rng_normal %state mean 0.0 : f64 std 1.0 : f64 : tensor<2xi64> -> tensor<3xf16>
  // CHECK-NEXT: %{{.*}} = pyflame.rng_normal %state mean 0.000000e+00 : f64 std 1.000000e+00 : f64 : tensor<2xi64> -> tensor<3xf16>
  %5 = pyflame.rng_randint %state low -3 high 3 : tensor<2xi64> -> tensor<3xi8>
  // CHECK-NEXT: %{{.*}} = pyflame.rng_randint %state low -3 high 3 : tensor<2xi64> -> tensor<3xi8>
  func.return
}

func.func @layouts(%x: tensor<8x8xf32, #mesh.layout<2x2, [rows, cols]>>) {
  // CHECK: func.func @layouts(%x: tensor<8x8xf32, #mesh.layout<2x2, [rows, cols]>>)
  %0 = pyflame.relu %x : tensor<8x8xf32, #mesh.layout<2x2, [rows, cols]>> -> tensor<8x8xf32>
  // CHECK-NEXT: %{{.*}} = pyflame.relu %x : tensor<8x8xf32, #mesh.layout<2x2, [rows, cols]>> -> tensor<8x8xf32>
  func.return
}
