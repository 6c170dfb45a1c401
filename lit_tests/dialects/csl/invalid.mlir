// RUN: pyflame-opt --split-input-file --verify-diagnostics %s | filecheck %s

"csl.module"() <{kind = #csl<module_kind program>, sym_name = "pe"}> ({
  %q = csl_ext.get_id 8 : !csl_ext<id input_queue>
  // CHECK: input_queue 8 is not in 0..7
}) : () -> ()

// -----

"csl.module"() <{kind = #csl<module_kind program>, sym_name = "pe"}> ({
  %a = csl_ext.array "a" align 12 : memref<4xf32>
  // CHECK: array "a": alignment 12 is no power of two
}) : () -> ()

// -----

func.func @no_such_builtin(%d: !csl<dsd mem1d_dsd>) {
  csl_ext.dsd "fdivs"(%d, %d, %d : !csl<dsd mem1d_dsd>, !csl<dsd mem1d_dsd>, !csl<dsd mem1d_dsd>)
  // CHECK: CSL has no DSD operation @fdivs
  func.return
}

// -----

func.func @operands(%d: !csl<dsd mem1d_dsd>) {
  csl_ext.dsd "fadds"(%d, %d : !csl<dsd mem1d_dsd>, !csl<dsd mem1d_dsd>)
  // CHECK: @fadds takes 3 operands, got 2
  func.return
}

// -----

func.func @scalar(%d: !csl<dsd mem1d_dsd>, %s: f16) {
  csl_ext.dsd "fmacs"(%d, %d, %d, %s : !csl<dsd mem1d_dsd>, !csl<dsd mem1d_dsd>, !csl<dsd mem1d_dsd>, f16)
  // CHECK: @fmacs: source 2 has type f16, expected a DSD or f32
  func.return
}

// -----

func.func @written(%d: !csl<dsd mem1d_dsd>, %in: !csl<dsd fabin_dsd>) {
  csl_ext.dsd "fmovs"(%in, %d : !csl<dsd fabin_dsd>, !csl<dsd mem1d_dsd>)
  // CHECK: @fmovs: destination !csl<dsd fabin_dsd> cannot be written
  func.return
}

// -----

func.func @not_fabric(%d: !csl<dsd mem1d_dsd>) {
  csl_ext.dsd "fmovs"(%d, %d : !csl<dsd mem1d_dsd>, !csl<dsd mem1d_dsd>) async
  // CHECK: @fmovs: an asynchronous operation needs a fabric operand
  func.return
}
