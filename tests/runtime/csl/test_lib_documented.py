"""Every member that the SDK's documentation lists stands in our modules, with its parameters."""

from __future__ import annotations

import pytest

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import DiagnosticEngine
from pyflame.runtime.csl.parser import parse_file
from pyflame.runtime.csl.sema.modules import LIBRARY
from pyflame.runtime.csl.source import SourceFile

_COMPLEX = "get_complex(2) add_complex(2) subtract_complex(2) multiply_complex(2)"
_REAL = "abs(1) sign(1) ceil(1) floor(1) isNaN(1) isInf(1) isFinite(1) isSignaling(1) sig(1) "
_REAL += "signbit(1) tanh(1) cos(1) exp(1) inv(1) invsqrt(1) log(1) sin(1) sqrt(1) "
_REAL += "max(2) min(2) pow(2) subsat(2)"
_STATUS = "status get() get_raw() is_full(2) is_empty(2) all_full(1) all_empty(1) none_full(1) "
_STATUS += "none_empty(1)"


def suffixed(names: str, *suffixes: str) -> str:
    """Names such as ``f(2)`` once as they are and once with each suffix before the bracket."""
    every = [names]
    every += [" ".join(n.replace("(", f"{s}(") for n in names.split()) for s in suffixes]
    return " ".join(every)


def numbered(names: str) -> str:
    """Names ending in the places 1, 2 and 3."""
    return " ".join(n.replace("(", f"{i}(") for n in names.split() for i in (1, 2, 3))


DOCUMENTED = {
    "complex": "complex(1) complex_32 complex_64 " + suffixed(_COMPLEX, "_32", "_64"),
    "control": "MAX_CMDS opcode encode_control_task_payload(1) encode_single_payload(4) "
    "encode_payload(5)",
    "data_utils": "lo16(1) hi16(1) lo32(1) hi32(1)",
    "debug": "key buffer_size trace_bool(1) trace_u8(1) trace_i8(1) trace_u16(1) trace_i16(1) "
    "trace_f16(1) trace_u32(1) trace_i32(1) trace_f32(1) trace_string(1) trace(1) "
    "trace_timestamp()",
    "directions": "rotate_clockwise(1) rotate_counterclockwise(1) flip_vertical(1) "
    "flip_horizontal(1) flip(1)",
    "dsd_ops": "mov(4) convert(5) add(6) sub(5) mul(5) fmac(7) neg(4) abs(4) norm(4) scale(5) "
    "max(5)",
    "empty": "",
    "layout": "get_x_coord() get_y_coord()",
    "malloc": "buffer_num_words asserts_enabled malloc(2) malloc_i16(1) malloc_u16(1) "
    "malloc_f16(1) malloc_i32(1) malloc_u32(1) malloc_f32(1) has_enough_space(2) "
    "has_enough_words(1) has_enough_double_words(1) free()",
    "math": "PI E POSITIVE_INF(1) NEGATIVE_INF(1) NaN(1) POSITIVE_INF_f16 POSITIVE_INF_f32 "
    "NEGATIVE_INF_f16 NEGATIVE_INF_f32 NaN_f16 NaN_f32 " + suffixed(_REAL, "_f16", "_f32"),
    "random": "set_global_prng_seed(1) random_f16(2) random_f32(2) random_pow_u32(1) "
    "random_normal_f32()",
    "simprint": "enable print_string(1) print_u16_binary(1) print_u16_decimal(1) print_u16_hex(1) "
    "print_f16(1) print_u32_binary(1) print_u32_decimal(1) print_u32_hex(1) print_f32(1) fmt(2) "
    "fmt_no_nl(2) fmt_with_coords(2)",
    "string": "comptime_int_to_string(1) fmt(2)",
    "tile_config": "addresses reg_type double_reg_type target_name word_size FIFO_MIN_ALIGNMENT "
    "fabric_coord get_fabric_coord(1)",
    "tile_config/color_config": "fabric_io get_color_config_addr(1) set_io_direction(2) "
    "toggle_io_direction(2) clear_io_direction(2) reset_routes(2)",
    "tile_config/exceptions": "PERF_CNT_0_OVERFLOW PERF_CNT_1_OVERFLOW SW_EXCEPTION FP_UNDERFLOW "
    "FP_OVERFLOW FP_INEXACT FP_INVALID FP_DIV_BY_0 set_exception_mask(1)",
    "tile_config/filters": "num_filters set_active_limit(2) set_max_counter(2) set_counter(2) "
    "counter_filter_state set_counter_and_state(3) set_counter_value(2) get_counter_value(1) "
    "set_state(2) get_state(1) set_pass_count(2) get_pass_count(1) set_drop_count(2) "
    "get_drop_count(1)",
    "tile_config/input_queue_status": _STATUS,
    "tile_config/output_queue_status": _STATUS,
    "tile_config/main_thread_priority": "level update_main_thread_priority(1)",
    "tile_config/switch_config": "pop_mode ring_mode switch_status switch_pos switch_select "
    "get_switch_config_addr(2) get_color_config_addr(1) clear_current_position(1) "
    "set_ring_mode(2) set_pop_mode(2) set_invalid_for_all_switch_positions(1) set_switch_pos(4) "
    "set_rxtx_switch_pos(4) set_current_switch_position(2) "
    + numbered("set_rx_switch_pos(2) set_tx_switch_pos(2) set_rxtx_switch_pos(3)"),
    "tile_config/task_priority": "level update_task_priority(2) set_task_priority(1) "
    "clear_task_priority(1)",
    "tile_config/teardown": "get_task_id() get_pending() is_pending(2) exit(1)",
    "time": "enable_tsc() disable_tsc() get_timestamp(1) reset_tsc_counter() get_perf_cntr(2)",
    "timer": "timerCount timerType start(1) stop(1) elapsed(2)",
    "types": "is_unsigned_int(1) is_signed_int(1) is_float16(1) is_float(1) is_enabled_float(1) "
    "is_signed(1) is_numeric(1) is_dsd(1) is_dsr(1) has_dsd_type(1) has_dsr_type(1) "
    "word_size_of(1) byte_size_of(1) bit_size_of(1) min_byte_align_of(1) min_word_align_of(1) "
    "bits_type_of(1)",
    "message_passing": "input_queue_id output_queue_id enable_asserts mp_input_queue "
    "mp_output_queue mp_comm_color init() send_message(5) recv_message(2)",
    "memcpy/get_params": "get_params(1)",
    "memcpy/memcpy": "unblock_cmd_stream()",
    "kernels/tally/layout": "kernel_width kernel_height phase2_tally colors output_color "
    "get_params(2)",
    "kernels/tally/pe": "input_queues output_queues bump_tally(1) signal_completion()",
    "collectives_2d/params": "get_params(3)",
    "collectives_2d/pe": "dim_params queues dest_dsr_ids src0_dsr_ids src1_dsr_ids init() "
    "broadcast(4) scatter(5) gather(5) reduce_fadds(5)",
}
"""Members by module; a function has the number of its parameters in brackets."""


def declared(module: str) -> set[str]:
    """What a module declares, in the form of `DOCUMENTED`."""
    path = LIBRARY / f"{module}.csl"
    source = SourceFile(module, path.read_text(), library=True, path=str(path))
    found: set[str] = set()
    for decl in parse_file(source, DiagnosticEngine(20)).decls:
        if isinstance(decl, ast.VarDecl):
            found.add(decl.name)
        elif isinstance(decl, ast.FnDecl):
            found.add(f"{decl.name}({len(decl.params) or ''})")
    return found


@pytest.mark.parametrize("module", DOCUMENTED)
def test_documented_members_exist(module: str) -> None:
    assert set(DOCUMENTED[module].split()) - declared(module) == set()
