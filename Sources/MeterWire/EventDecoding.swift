/// Payload of an events frame, and of a batch:
///
/// ```
/// tenants     count, then names (length, bytes)
/// agents      count, then (tenant index, name)
/// components  count, then names
/// accesses    count, then 16 bytes each
/// models      count, then names
/// users       count, then names
/// shapes      count, then (component count, component indexes)
/// events      (agent, zigzag time delta, flags, shape, [access], [model], [user], [duration], amounts)
/// ```
extension EventBatch {
    /// Decodes a payload in place and checks every rule of the format.
    ///
    /// The bytes must stay where they are while the batch is read. Memory grows with the bytes that came,
    /// never with a number in them. On error the batch is empty.
    ///
    /// - Complexity: O(bytes); allocates only where a payload is larger than all before it.
    package mutating func decode(
        payload: UnsafeRawBufferPointer,
        eventCount: Int,
        baseTime: Int64
    ) throws(FrameError) {
        removeAll()
        do throws(FrameError) {
            guard eventCount >= 1, eventCount <= WireLimits.eventCountMax else {
                throw .eventCountOutOfRange(eventCount)
            }
            guard payload.count <= WireLimits.frameByteCountMax else {
                throw .frameTooLarge(byteCount: payload.count)
            }
            var reader = try unsafe WireReader(payload)
            try readDictionary(&reader)
            try readEvents(&reader, count: eventCount, baseTime: baseTime)
            try reader.finish()
            unsafe self.payload = payload
        } catch {
            removeAll()
            throw error
        }
    }

    private mutating func readDictionary(_ reader: inout WireReader) throws(FrameError) {
        var entryCount = 0
        try Self.readNames(&reader, into: &tenantBuffer, entryCount: &entryCount)
        try readAgents(&reader, entryCount: &entryCount)
        try Self.readNames(&reader, into: &componentBuffer, entryCount: &entryCount)
        try readAccesses(&reader, entryCount: &entryCount)
        try Self.readNames(&reader, into: &modelBuffer, entryCount: &entryCount)
        try Self.readNames(&reader, into: &userBuffer, entryCount: &entryCount)
        try readShapes(&reader, entryCount: &entryCount)
    }

    /// How many entries a section has; `byteCount` is the least that one of them takes.
    private static func sectionCount(
        _ reader: inout WireReader,
        byteCount: Int,
        entryCount: inout Int
    ) throws(FrameError) -> Int {
        let count = try reader.listCount(elementByteCount: byteCount)
        entryCount += count
        guard entryCount <= WireLimits.dictionaryEntryCountMax else {
            throw .dictionaryTooLarge(entryCount: UInt64(entryCount))
        }
        return count
    }

    private static func readNames(
        _ reader: inout WireReader,
        into buffer: inout ReusableBuffer<NameRange>,
        entryCount: inout Int
    ) throws(FrameError) {
        let count = try sectionCount(&reader, byteCount: 2, entryCount: &entryCount)
        buffer.reserve(count)
        for _ in 0..<count {
            buffer.append(NameRange(try reader.name()))
        }
    }

    private mutating func readAgents(
        _ reader: inout WireReader,
        entryCount: inout Int
    ) throws(FrameError) {
        let count = try Self.sectionCount(&reader, byteCount: 3, entryCount: &entryCount)
        agentBuffer.reserve(count)
        for _ in 0..<count {
            let tenant = try Self.index(reader.varint(), below: tenantBuffer.count)
            agentBuffer.append(Agent(tenant: tenant, name: NameRange(try reader.name())))
        }
    }

    private mutating func readAccesses(
        _ reader: inout WireReader,
        entryCount: inout Int
    ) throws(FrameError) {
        let count = try Self.sectionCount(&reader, byteCount: 16, entryCount: &entryCount)
        accessBuffer.reserve(count)
        for _ in 0..<count {
            accessBuffer.append(
                AccessID(high: try reader.fixed64(), low: try reader.fixed64())
            )
        }
    }

    private mutating func readShapes(
        _ reader: inout WireReader,
        entryCount: inout Int
    ) throws(FrameError) {
        let shapeCount = try Self.sectionCount(&reader, byteCount: 2, entryCount: &entryCount)
        shapeBuffer.reserve(shapeCount)
        for _ in 0..<componentBuffer.count { shapeMarks.append(0) }
        for shape in 0..<shapeCount {
            let count = try reader.varint()
            guard count >= 1, count <= UInt64(WireLimits.shapeComponentCountMax) else {
                throw .shapeLength(count)
            }
            let mark = UInt32(shape) + 1
            shapeBuffer.append(
                Shape(first: UInt32(shapeComponentBuffer.count), count: UInt32(count))
            )
            for _ in 0..<count {
                let component = try Self.index(reader.varint(), below: componentBuffer.count)
                guard unsafe shapeMarks.base[Int(component)] != mark else {
                    throw .shapeRepeatsComponent
                }
                unsafe shapeMarks.base[Int(component)] = mark
                shapeComponentBuffer.append(component)
            }
        }
    }

    @inline(__always)
    private static func index(_ value: UInt64, below count: Int) throws(FrameError) -> UInt32 {
        guard value < UInt64(count) else { throw .indexOutOfRange(index: value, count: count) }
        return UInt32(truncatingIfNeeded: value)
    }

    /// The one hot loop. Room for the events and amounts is made before it, since an event has at least
    /// five bytes and an amount one.
    private mutating func readEvents(
        _ source: inout WireReader,
        count: Int,
        baseTime: Int64
    ) throws(FrameError) {
        var reader = source
        guard count <= reader.bytesLeft / 5 else {
            throw .truncated(needed: count * 5, available: reader.bytesLeft)
        }
        eventBuffer.reserve(count)
        amountBuffer.reserve(reader.bytesLeft)
        let events = unsafe eventBuffer.base
        let amounts = unsafe amountBuffer.base
        let shapes = unsafe shapeBuffer.base
        let agentCount = agentBuffer.count
        let shapeCount = shapeBuffer.count
        let accessCount = accessBuffer.count
        let modelCount = modelBuffer.count
        let userCount = userBuffer.count
        var time = baseTime
        var earliest = Int64.max
        var latest = Int64.min
        var amountCount: UInt32 = 0
        for position in 0..<count {
            let agent = try Self.index(reader.varint(), below: agentCount)
            let (moved, overflow) = time.addingReportingOverflow(try reader.zigzag())
            guard !overflow else { throw .timeOutOfRange }
            time = moved
            earliest = min(earliest, time)
            latest = max(latest, time)
            let flags = try reader.byte()
            guard flags & EventFlags.reserved == 0 else { throw .reservedNotZero }
            let shape = try Self.index(reader.varint(), below: shapeCount)
            var access: Int32 = -1
            var model: Int32 = -1
            var user: Int32 = -1
            var duration: Int64 = -1
            if flags & EventFlags.access != 0 {
                access = try Int32(Self.index(reader.varint(), below: accessCount))
            }
            if flags & EventFlags.model != 0 {
                model = try Int32(Self.index(reader.varint(), below: modelCount))
            }
            if flags & EventFlags.user != 0 {
                user = try Int32(Self.index(reader.varint(), below: userCount))
            }
            if flags & EventFlags.duration != 0 {
                let value = try reader.wideVarint()
                guard value <= WireLimits.valueMax else { throw .valueOutOfRange }
                duration = Int64(value)
            }
            // Field by field: a whole event would be put together elsewhere and copied.
            let event = unsafe events + position
            unsafe event.pointee.time = time
            unsafe event.pointee.duration = duration
            unsafe event.pointee.agent = agent
            unsafe event.pointee.shape = shape
            unsafe event.pointee.firstAmount = amountCount
            unsafe event.pointee.access = access
            unsafe event.pointee.model = model
            unsafe event.pointee.user = user
            unsafe event.pointee.outcome = flags & EventFlags.outcome
            let amountEnd = unsafe amountCount + shapes[Int(shape)].count
            while amountCount < amountEnd {
                let amount = try reader.wideVarint()
                guard amount <= WireLimits.valueMax else { throw .valueOutOfRange }
                unsafe amounts[Int(amountCount)] = amount
                amountCount &+= 1
            }
        }
        eventBuffer.count = count
        amountBuffer.count = Int(amountCount)
        times = earliest...latest
        source = reader
    }
}

/// Bits of an event's flags byte.
enum EventFlags {
    static var outcome: UInt8 { 0b0000_0011 }
    static var access: UInt8 { 0b0000_0100 }
    static var model: UInt8 { 0b0000_1000 }
    static var user: UInt8 { 0b0001_0000 }
    static var duration: UInt8 { 0b0010_0000 }
    static var reserved: UInt8 { 0b1100_0000 }
}

extension EventBatch.NameRange {
    @inline(__always)
    init(_ found: (offset: Int, byteCount: Int)) {
        offset = UInt32(truncatingIfNeeded: found.offset)
        byteCount = UInt32(truncatingIfNeeded: found.byteCount)
    }
}
