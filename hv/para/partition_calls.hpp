// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/para/hypercall.hpp"

// Freescale's calls for partitions, for the table in hypercall.cpp (docs/partitions.md; the numbers
// and registers are those of Linux 6.1's arch/powerpc/include/asm/fsl_hcalls.h). r3 is a handle of
// the caller's; ~0 is itself where that makes sense.
namespace trapeze::para {

// r3 handle or ~0; gives r4, a PartitionStatus.
Status partition_status(vcpu::Vcpu& v);
// r3 handle, r4 entry, r5 load: not 0, from the guest's image, in memory that is cleared, and at
// the image's own entry; 0, with the memory as it is. Of one that is stopped; it is done when the
// status says so.
Status partition_start(vcpu::Vcpu& v);
// r3 handle or ~0.
Status partition_stop(vcpu::Vcpu& v);
Status partition_restart(vcpu::Vcpu& v);
// r3 and r4 handles of source and target, one of which may be ~0; r5 and r6 the list's address,
// lower word first; r7 its entries.
Status partition_memcpy(vcpu::Vcpu& v);
// r3 handle; r4 and r5, r6 and r7, r8 and r9 the addresses of path, name and value, higher word
// first; r10 the value's bytes. Reading gives its length in r4.
Status partition_get_dtprop(vcpu::Vcpu& v);
Status partition_set_dtprop(vcpu::Vcpu& v);

// What is left of one of these that was begun: a guest that makes them by itself gains nothing.
// Numbers that Freescale has not given away.
inline constexpr u32 copy_goes_on = token(freescale, 29), get_goes_on = token(freescale, 30),
                     set_goes_on = token(freescale, 31);
Status partition_memcpy_on(vcpu::Vcpu& v);      // as above; r8 bytes of the first entry are done
Status partition_get_dtprop_on(vcpu::Vcpu& v);  // as above; r4, r6, r8 are where the walk is
Status partition_set_dtprop_on(vcpu::Vcpu& v);

}  // namespace trapeze::para
