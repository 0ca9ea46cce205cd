// swift-tools-version: 6.0
import Foundation
import PackageDescription

// On Apple's systems the library is an XCFramework (tools/apple makes it); elsewhere it lies beside this file.
let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path
#if os(Linux)
let library: [Target] = [.systemLibrary(name: "RapportFFIHeader")]
let linked: [LinkerSetting] = [.unsafeFlags(["-L\(folder)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(folder)/lib"])]
#else
let library: [Target] = [.binaryTarget(name: "RapportFFIHeader", path: "RapportFFI.xcframework")]
let linked: [LinkerSetting] = []
#endif

let package = Package(
    name: "Rapport",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "Rapport", targets: ["Rapport"]),
        .library(name: "RapportTestKit", targets: ["RapportTestKit"]),
    ],
    targets: library + [
        // What UniFFI writes does not keep to Swift 6 everywhere; what people use does.
        .target(name: "RapportFFI", dependencies: ["RapportFFIHeader"], swiftSettings: [.swiftLanguageMode(.v5)], linkerSettings: linked),
        .target(name: "Rapport", dependencies: ["RapportFFI"], swiftSettings: [.swiftLanguageMode(.v6)]),
        .target(name: "RapportTestKit", dependencies: ["Rapport"], swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(name: "Hello", dependencies: ["Rapport"], swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(name: "Writer", dependencies: ["Rapport"], path: "Tests/Writer", swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(name: "RapportTests", dependencies: ["RapportTestKit"], swiftSettings: [.swiftLanguageMode(.v6)]),
    ]
)
