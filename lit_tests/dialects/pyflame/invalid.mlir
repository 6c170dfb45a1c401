// RUN: pyflame-opt --split-input-file --verify-diagnostics %s | filecheck %s

func.func @broadcast(%x: tensor<3x4xf32>, %y: tensor<5xf32>) {
  %0 = pyflame.add %x, %y : tensor<3x4xf32>, tensor<5xf32> -> tensor<3x4xf32>
  // CHECK: add: shapes [3, 4] and [5] do not broadcast: dimension -1 is 4 and 5, but must be equal or 1
  func.return
}

// -----

func.func @result(%x: tensor<3x4xf32>) {
  %0 = pyflame.sum %x dims [1] : tensor<3x4xf32> -> tensor<3x1xf32>
  // CHECK: sum: result is tensor<3x1xf32>, but operands and attributes give tensor<3xf32>
  func.return
}

// -----

func.func @element_types(%x: tensor<4xf32>, %y: tensor<4xf16>) {
  %0 = pyflame.multiply %x, %y : tensor<4xf32>, tensor<4xf16> -> tensor<4xf32>
  // CHECK: multiply: element types float32 and float16 differ; cast one of them first
  func.return
}

// -----

func.func @floating(%x: tensor<4xi32>) {
  %0 = pyflame.exp %x : tensor<4xi32> -> tensor<4xi32>
  // CHECK: exp: element type is int32, expected a floating point type; cast it first
  func.return
}

// -----

func.func @inner(%x: tensor<3x4xf32>) {
  %0 = pyflame.matmul %x, %x : tensor<3x4xf32>, tensor<3x4xf32> -> tensor<3x4xf32>
  // CHECK: matmul: inner sizes differ: [3, 4] has 4 columns, [3, 4] has 3 rows
  func.return
}

// -----

func.func @inner_transposed(%x: tensor<3x4xf32>, %y: tensor<4x5xf32>) {
  %0 = pyflame.matmul %x, %y transpose_b : tensor<3x4xf32>, tensor<4x5xf32> -> tensor<3x4xf32>
  // CHECK: matmul: inner sizes differ: [3, 4] has 4 columns, [4, 5]ᵀ has 5 rows
  func.return
}

// -----

func.func @dims(%x: tensor<3x4xf32>) {
  %0 = pyflame.sum %x dims [-1] : tensor<3x4xf32> -> tensor<3xf32>
  // CHECK: sum: dims [-1] of rank 2 must ascend, without repeats, within 0 to 1
  func.return
}

// -----

func.func @empty(%x: tensor<3x0xf32>) {
  %0 = pyflame.max %x dims [1] : tensor<3x0xf32> -> tensor<3xf32>
  // CHECK: max: dimension 1 of [3, 0] is empty and has no largest, smallest or mean element
  func.return
}

// -----

func.func @empty_mean(%x: tensor<0xf32>) {
  %0 = pyflame.mean %x dims [0] : tensor<0xf32> -> tensor<f32>
  // CHECK: mean: dimension 0 of [0] is empty and has no largest, smallest or mean element
  func.return
}

// -----

func.func @empty_argmax(%x: tensor<0xf32>) {
  %0 = pyflame.argmax %x dim 0 : tensor<0xf32> -> tensor<i64>
  // CHECK: argmax: dimension 0 of [0] is empty and has no largest, smallest or mean element
  func.return
}

// -----

func.func @reshape(%x: tensor<3x4xf32>) {
  %0 = pyflame.reshape %x : tensor<3x4xf32> -> tensor<5x2xf32>
  // CHECK: reshape: cannot reshape [3, 4] (12 elements) to [5, 2] (10 elements)
  func.return
}

// -----

func.func @permutation(%x: tensor<3x4xf32>) {
  %0 = pyflame.transpose %x [0, 0] : tensor<3x4xf32> -> tensor<3x3xf32>
  // CHECK: transpose: permutation [0, 0] is not an order of the 2 dimensions of [3, 4]
  func.return
}

// -----

func.func @concatenate(%x: tensor<3x4xf32>, %y: tensor<3x5xf32>) {
  %0 = pyflame.concatenate %x, %y dim 0 : tensor<3x4xf32>, tensor<3x5xf32> -> tensor<6x4xf32>
  // CHECK: concatenate: operand 1 has shape [3, 5], operand 0 has [3, 4]; all dimensions but 0 must agree
  func.return
}

// -----

func.func @slice(%x: tensor<4xf32>) {
  %0 = pyflame.slice %x starts [1] stops [5] steps [1] : tensor<4xf32> -> tensor<4xf32>
  // CHECK: slice: slice 1:5:1 of dimension 0 must lie within 0:4 with a step >= 1
  func.return
}

// -----

func.func @dynamic(%x: tensor<?xf32>) {
  %0 = pyflame.exp %x : tensor<?xf32> -> tensor<?xf32>
  // CHECK: type tensor<?xf32> has a dynamic dimension, expected static sizes
  func.return
}

// -----

func.func @element(%x: tensor<4xindex>) {
  %0 = pyflame.neg %x : tensor<4xindex> -> tensor<4xindex>
  // CHECK: element type of tensor<4xindex> is not one of f64, f32, f16, bf16, i64, i32, i16, i8, ui8, i1
  func.return
}

// -----

func.func @constant() {
  %0 = pyflame.constant dense<[1.0, 2.0]> : tensor<2xf32> -> tensor<3xf32>
  // CHECK: constant: result is tensor<3xf32>, but the value is tensor<2xf32>
  func.return
}

// -----

func.func @value() {
  %0 = pyflame.full 1000 : i64 -> tensor<3xi8>
  // CHECK: full: value 1000 does not fit int8 (integers -128 to 127)
  func.return
}

// -----

func.func @state(%s: tensor<2xi32>) {
  %0 = pyflame.rng_uniform %s low 0.0 : f64 high 1.0 : f64 : tensor<2xi32> -> tensor<3xf32>
  // CHECK: rng_uniform: the state is tensor<2xi32>, expected tensor<2xi64> (seed, stream)
  func.return
}

// -----

func.func @clamp(%x: tensor<4xf32>) {
  %0 = pyflame.clamp %x : tensor<4xf32> -> tensor<4xf32>
  // CHECK: clamp: needs min, max or both
  func.return
}
