/// Payload of a claim frame:
///
/// ```
/// number  flags (bit 0 last, bit 1 lines left out)  recorded count  dropped count
/// tenants     count, then names
/// components  count, then names
/// totals      count, then (component index, amount of up to 128 bits)
/// lines       count, then (kind byte, tenant index, component index, amount of up to 128 bits,
///                          zigzag earliest - base time, latest - earliest)
/// given up    count, then (first - end of the range before, length)
/// ```
extension Claim {
    /// The payload, at most `byteCountMax` bytes if lines can be left out to reach it; a claim that has
    /// lost lines says so. Totals and ranges are never left out.
    package func payload(baseTime: Int64, byteCountMax: Int = .max) -> [UInt8] {
        let whole = encoded(lineCount: lines.count, baseTime: baseTime)
        if whole.count <= byteCountMax { return whole }
        var (fits, tooMany) = (0, lines.count)
        while tooMany - fits > 1 {
            let middle = (fits + tooMany) / 2
            if encoded(lineCount: middle, baseTime: baseTime).count <= byteCountMax {
                fits = middle
            } else {
                tooMany = middle
            }
        }
        return encoded(lineCount: fits, baseTime: baseTime)
    }

    private func encoded(lineCount: Int, baseTime: Int64) -> [UInt8] {
        var tenants = EntryTable(.name)
        var components = EntryTable(.name)
        let isComplete = linesAreComplete && lineCount == lines.count
        var body: [UInt8] = []
        body.appendVarint(totals.count)
        for total in totals {
            body.appendVarint(components.index(of: total.component))
            body.appendVarint128(total.amount)
        }
        body.appendVarint(lineCount)
        for line in lines.prefix(lineCount) {
            body.append(line.kind.rawValue)
            body.appendVarint(tenants.index(of: line.tenant))
            body.appendVarint(components.index(of: line.component))
            body.appendVarint128(line.amount)
            body.appendZigzag(line.earliest &- baseTime)
            body.appendVarint(UInt64(bitPattern: line.latest &- line.earliest))
        }
        body.appendRanges(givenUp)
        var bytes: [UInt8] = []
        bytes.appendVarint(number)
        bytes.append((isLast ? 1 : 0) | (isComplete ? 0 : 2))
        bytes.appendVarint(recordedCount)
        bytes.appendVarint(droppedCount)
        tenants.write(to: &bytes)
        components.write(to: &bytes)
        bytes.append(contentsOf: body)
        return bytes
    }

    /// Decodes the payload of an opened claim frame, or one from the journal.
    ///
    /// Memory grows with the bytes that came, never with a number in them.
    ///
    /// - Parameters:
    ///   - baseTime: The frame's base time.
    ///   - sealedThrough: The frame's first sequence, which nothing given up may reach beyond.
    package static func decode(
        payload: UnsafeRawBufferPointer,
        baseTime: Int64,
        sealedThrough: UInt64
    ) throws(FrameError) -> Claim {
        guard payload.count <= WireLimits.frameByteCountMax else {
            throw .frameTooLarge(byteCount: payload.count)
        }
        var reader = try unsafe WireReader(payload)
        let number = try reader.varint63()
        let flags = try reader.byte()
        guard flags <= 3 else { throw .reservedNotZero }
        var claim = Claim(
            number: number,
            isLast: flags & 1 != 0,
            linesAreComplete: flags & 2 == 0,
            recordedCount: try reader.varint63(),
            droppedCount: try reader.varint63()
        )
        let tenants = try names(&reader)
        let components = try names(&reader, counted: tenants.count)
        for _ in 0..<(try reader.listCount(elementByteCount: 2)) {
            let component = try element(reader.varint(), of: components)
            claim.totals.append(Total(component: component, amount: try reader.varint128()))
        }
        for _ in 0..<(try reader.listCount(elementByteCount: 6)) {
            claim.lines.append(
                try line(&reader, tenants: tenants, components: components, baseTime: baseTime)
            )
        }
        claim.givenUp = try reader.ranges(through: sealedThrough)
        try reader.finish()
        return claim
    }

    private static func line(
        _ reader: inout WireReader,
        tenants: [Name],
        components: [Name],
        baseTime: Int64
    ) throws(FrameError) -> Line {
        let kindNumber = try reader.byte()
        guard let kind = LineKind(rawValue: kindNumber) else { throw .reservedNotZero }
        let tenant = try element(reader.varint(), of: tenants)
        let component = try element(reader.varint(), of: components)
        let amount = try reader.varint128()
        let (earliest, early) = baseTime.addingReportingOverflow(try reader.zigzag())
        let (latest, late) = earliest.addingReportingOverflow(Int64(try reader.varint63()))
        guard !early, !late else { throw .timeOutOfRange }
        return Line(
            kind: kind,
            tenant: tenant,
            component: component,
            amount: amount,
            earliest: earliest,
            latest: latest
        )
    }

    private static func names(
        _ reader: inout WireReader,
        counted: Int = 0
    ) throws(FrameError) -> [Name] {
        let count = try reader.listCount(elementByteCount: 2)
        guard counted + count <= WireLimits.dictionaryEntryCountMax else {
            throw .dictionaryTooLarge(entryCount: UInt64(counted + count))
        }
        var names: [Name] = []
        for _ in 0..<count { names.append(try reader.nameValue()) }
        return names
    }

    private static func element(_ index: UInt64, of names: [Name]) throws(FrameError) -> Name {
        guard index < UInt64(names.count) else {
            throw .indexOutOfRange(index: index, count: names.count)
        }
        return names[Int(index)]
    }
}

extension EntryTable {
    fileprivate mutating func index(of name: Name) -> Int {
        unsafe name.bytes.withUnsafeBytes { unsafe index(of: $0) ?? 0 }
    }
}
