package import MeterWire

/// What a scan read, and what it could not.
package struct SegmentScan: Equatable, Sendable {
    /// Rows that are missing from the answer because their block is damaged.
    package struct DamagedRange: Equatable, Sendable {
        /// What is wrong with the block.
        package let error: SegmentError
        package let rowCount: Int
        package let firstSeries: SeriesName
        package let lastSeries: SeriesName
        package let minutes: ClosedRange<Minute>
    }

    package private(set) var blockCount = 0
    package private(set) var rowCount: UInt64 = 0
    /// Empty if the answer is complete.
    package fileprivate(set) var damaged: [DamagedRange] = []

    fileprivate mutating func didRead(_ zone: RowBlock.Zone) {
        blockCount += 1
        rowCount += UInt64(zone.rowCount)
    }
}

extension Segment {
    /// Adds the rows that a query asks for, reading only the blocks in which there can be any.
    ///
    /// A damaged block contributes nothing and is reported; the others are added all the same.
    ///
    /// - Throws: Where the disk fails to read, or a block contradicts itself though its checksums hold:
    ///   the accumulator is then of no more use.
    /// - Complexity: O(rows of the blocks read).
    package func scan(
        into accumulator: inout UsageAccumulator
    ) throws(SegmentError) -> SegmentScan {
        var scan = SegmentScan()
        guard footer.rowCount > 0,
            !accumulator.isOutside(first: footer.firstMinute, last: footer.lastMinute)
        else { return scan }
        let groups = accumulator.register(series: series, components: components, areSorted: true)
        guard groups.components.contains(where: { $0 != UsageAccumulator.Groups.unwanted }),
            !groups.series.isEmpty
        else { return scan }
        var buffer = PieceBuffer()
        var reader = makeReader()
        let wantedFirst = UInt32(groups.seriesFirst)
        var block = footer.blocks.partitioningIndex { $0.lastSeries >= wantedFirst }
        while block < footer.blocks.count {
            let zone = footer.blocks[block]
            if Int(zone.firstSeries) >= groups.seriesFirst + groups.series.count { break }
            if !accumulator.isOutside(first: zone.firstMinute, last: zone.lastMinute),
                groups.wantsSeries(zone.firstSeries, through: zone.lastSeries)
            {
                if try read(block, into: &buffer, noting: &scan) {
                    try add(block, from: buffer, &reader, groups, into: &accumulator)
                    scan.didRead(zone)
                }
            }
            block += 1
        }
        return scan
    }

    /// Damage to a block is noted and answered by false; a disk that fails ends the scan.
    private func read(
        _ block: Int,
        into buffer: inout PieceBuffer,
        noting scan: inout SegmentScan
    ) throws(SegmentError) -> Bool {
        do throws(SegmentError) {
            try read(block: block, into: &buffer)
            return true
        } catch {
            switch error {
            case .damaged, .malformedBlock: break
            default: throw error
            }
            let zone = footer.blocks[block]
            scan.damaged.append(
                SegmentScan.DamagedRange(
                    error: error,
                    rowCount: zone.rowCount,
                    firstSeries: series[Int(zone.firstSeries)],
                    lastSeries: series[Int(zone.lastSeries)],
                    minutes: zone.firstMinute...zone.lastMinute
                )
            )
            return false
        }
    }

    /// Adds a block that was read.
    private func add(
        _ block: Int,
        from buffer: borrowing PieceBuffer,
        _ reader: inout RowBlockReader,
        _ groups: UsageAccumulator.Groups,
        into accumulator: inout UsageAccumulator
    ) throws(SegmentError) {
        let zone = footer.blocks[block]
        let malformed = SegmentError.malformedBlock(file: name, block: block)
        let bytes = unsafe buffer.plain
        guard
            let columns = unsafe reader.groups(
                of: bytes,
                zone,
                componentCount: components.count
            )
        else { throw malformed }
        let isOneWindow = accumulator.findWindow(first: zone.firstMinute, last: zone.lastMinute)
        for group in columns {
            let component = groups.components[group.component]
            if component == UsageAccumulator.Groups.unwanted { continue }
            guard unsafe reader.decodeRuns(group, of: bytes, zone) else { throw malformed }
            guard reader.wantsAnyRun(of: group, groups) else { continue }
            let hasMinutes =
                unsafe isOneWindow
                ? reader.skipMinutes(group, of: bytes)
                : reader.decodeMinutes(group, of: bytes, zone)
            guard hasMinutes, unsafe reader.decodeAmounts(group, of: bytes) else {
                throw malformed
            }
            reader.add(group, component, isOneWindow: isOneWindow, groups, into: &accumulator)
        }
    }
}

extension RowBlockReader {
    fileprivate func wantsAnyRun(of group: Group, _ groups: UsageAccumulator.Groups) -> Bool {
        for run in 0..<group.runCount
        where unsafe groups.group(ofSeries: series[run]) != UsageAccumulator.Groups.unwanted {
            return true
        }
        return false
    }

    /// Adds the wanted runs of a group whose columns were decoded.
    fileprivate func add(
        _ group: Group,
        _ component: Int32,
        isOneWindow: Bool,
        _ groups: UsageAccumulator.Groups,
        into accumulator: inout UsageAccumulator
    ) {
        var row = 0
        for run in 0..<group.runCount {
            let length = unsafe Int(lengths[run])
            let wanted = unsafe groups.group(ofSeries: series[run])
            if wanted != UsageAccumulator.Groups.unwanted {
                if isOneWindow {
                    unsafe accumulator.add(
                        series: wanted,
                        component: component,
                        counts: counts + row,
                        sums: sums + row,
                        rowCount: length
                    )
                } else {
                    unsafe accumulator.add(
                        series: wanted,
                        component: component,
                        minutes: minutes + row,
                        counts: counts + row,
                        sums: sums + row,
                        rowCount: length
                    )
                }
            }
            row &+= length
        }
    }
}
