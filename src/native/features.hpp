// One feature of a value, for levels of instructions that make them one at a time. As in code.hpp, everything is in
// an unnamed namespace.

#pragma once

#include "network.hpp"

namespace baler {
namespace {

inline std::int16_t feature_of(const Features& features, int k, std::int64_t number, std::int64_t turned) {
    constexpr std::int64_t FAR = std::int64_t{1} << 40;
    std::int64_t apart = ((features.relative >> k & 1) != 0 ? turned : number) - features.center[k];
    apart = apart < -FAR ? -FAR : apart > FAR ? FAR : apart;
    const std::int64_t scaled = (apart * features.multiplier[k]) >> features.shift[k];
    if ((features.wave >> k & 1) != 0) {
        const int half = static_cast<int>(scaled & 511), wave = (half * (512 - half)) >> 7;
        return static_cast<std::int16_t>((scaled & 512) != 0 ? -wave : wave);
    }
    const int limited = static_cast<int>(scaled < -512 ? -512 : scaled > 511 ? 511 : scaled);
    return static_cast<std::int16_t>((features.magnitude >> k & 1) != 0 && limited < 0 ? -limited : limited);
}

}  // namespace
}  // namespace baler
