/** What the steps and lessons say, in simplified Chinese. */
import type { StepTextKey } from './en-steps.ts';

export const zhSteps: Readonly<Record<StepTextKey, string>> = {
  'lesson.tiny': '微小对象：块中有空位',
  'lesson.tinyFull': '微小对象：块已满',
  'lesson.reuse': '刚刚释放过一个槽',
  'lesson.window': '窗口中有空闲槽',
  'lesson.nextWindow': '窗口已用完',
  'lesson.ownPartial': 'span 已用完：取线程自己的另一个',
  'lesson.mcentral': '从 mcentral 取 span',
  'lesson.sweep': '必须先清扫的 span',
  'lesson.newSpan': '新 span，页来自页缓存',
  'lesson.pageCacheEmpty': '页缓存为空',
  'lesson.grow': '堆增长',
  'lesson.large': '大对象：穿过摘要树',
  'lesson.outOfMemory': '内存耗尽',
  'lesson.freeStack': 'free：放上重用栈',
  'lesson.freeFlush': 'free：重用栈已满',
  'lesson.freeLarge': 'free：大对象',
  'lesson.gc': '一个回收周期',
  'step.mallocTiny':
    '请求 {size} 字节、不含指针的内存。小于 16 字节的对象共用 16 字节的块，此对象按 {align} 对齐。先看：线程当前的块还有空位吗？',
  'step.tinyFull': '放不下：块中已用 {offset} 字节。新块就是一个普通的 16 字节槽，于是请求按该类继续。',
  'step.tinyNone': '线程还没有块。块就是一个普通的 16 字节槽，于是去要一个。',
  'step.tinyPack': '对象放在块的第 {at} 字节：偏移前移，块的掩码记下对象的起止。没有锁，没有原子操作。',
  'step.mallocNoscan':
    '请求 {size} 字节、不含指针的内存。一张表把大小变成类：槽 {slot} 字节，span 类 {spanClass}。线程为它所需的一切是一条 16 个字的记录。',
  'step.mallocScan':
    '请求 {size} 字节、含指针的内存。一张表把大小变成类：槽 {slot} 字节，span 类 {spanClass}。回收器会查看其中的内容，所以每个槽有一个类型号。',
  'step.mallocLarge': '请求 {size} 字节：32 KiB 以上没有大小类。对象独占整页，共 {npages} 页。',
  'step.lookReuse': '该类的重用栈上有线程先前释放的槽。先取它：它的内存还在处理器缓存里。',
  'step.lookWindow': '重用栈为空。窗口是 span 中 32 个槽的一段；为 1 的位是空闲槽，现在还有。',
  'step.lookNothing': '重用栈为空，窗口也空：没有为 1 的位。快速路径到此为止；大约 32 次调用中有一次如此。',
  'step.reuse': '栈顶下移一个槽，槽 {slot} 重新得到分配位。仅此而已：没有看任何 span。',
  'step.nextFreeFast':
    '窗口中最低的 1 位是槽 {slot}；地址是窗口地址加 位 × 大小。该位从窗口移除，并在 span 的分配位中置 1：从这次写入起对象存在。',
  'step.setType': '对象存在之前，先把类型号写入 span 的附表：回收器发现对象时总能找到它的类型。',
  'step.returned': 'mallocgc 返回 {address}。',
  'step.nextFree':
    'span 中再没有含空闲槽的字：freeindex 已到 nelems。进入慢速路径：一个安全点，其他线程可在此停住本线程；并收下别人记录的释放。',
  'step.window':
    '窗口前移：取 span 接下来的 32 个分配位并取反，于是空闲槽为 1。freeindex 越过它们，allocCount 把它们计为已交出。',
  'step.refill': '找到了有空闲槽的 span。所有者和清扫代说明它属于本线程且已清扫：此后没有别的线程碰它的位。',
  'step.refillLink':
    '旧 span 进入线程的已满链表；与 Go 不同，它留在线程那里，所以 free 不需要锁。新 span 成为该类的 span。',
  'step.centralPop':
    '线程没有含空闲槽的 span。mcentral 有一个无主的，是已结束的线程留下的。在 mcentral 的锁下，把它从“部分空闲、已清扫”集合取下。',
  'step.centralClaim':
    '上个周期以来这些 span 尚未清扫：未标记的就是垃圾，只是还没人宣布。谁在锁下把这样的 span 从集合取下，谁就必须清扫它。',
  'step.centralPush': '在锁下，span 进入 mcentral 的一个集合。现在它不属于任何人：谁在其中释放或清扫它，谁再把它取下。',
  'step.sweepCount': '清扫只看位，从不看对象：标记位与分配位相与就是存活者。其余是垃圾，计为已释放。',
  'step.sweepRenew': '标记位变成分配位，一组全 0 的新位变成标记位。交换这两个字，所有未标记的槽就空闲了。',
  'step.spanRecord': '哪里都没有 span。新 span 从一条记录开始：线程备有一些，所以多半不需要锁。',
  'step.spanBits': 'span 需要两个位图，用于分配和标记。它们从线程独有的一块中切出，于是两个线程绝不写同一缓存行。',
  'step.spanBitsKept': '这条记录以前用过，位图足够大：无事可做。',
  'step.pageCacheAlloc': '线程的页缓存最多持有连续的 64 页。从它的位中取最低的连续 {npages} 页：不用锁。',
  'step.pageCacheEmpty': '线程的页缓存一页不剩。要从页分配器补充，这需要堆锁。',
  'step.pageCacheShort': '页缓存中没有连续的 {npages} 页。在堆锁下询问页分配器。',
  'step.pageCacheFill': '一个对齐的 64 页块中所有空闲页一次归本线程。在页分配器里它们从此算作使用中，摘要随之更新。',
  'step.pageCacheFree': '这些页在线程页缓存的块内：不用锁，直接还回那里。',
  'step.findHint': 'searchAddr 表明在它之下没有空闲页。它所在的 chunk 有 {npages} 页以上的连续空闲：不必走摘要树。',
  'step.findHintNone': 'searchAddr 在堆的末尾：一页空闲的都没有。',
  'step.findDescend':
    '树的第 {level} 层：一项代表 {pages} 页。第 {entry} 项是最长连续空闲（{max} 页）足够容纳 {npages} 页的第一项。进入它下面的 8 项。',
  'step.findBorder':
    '第 {level} 层：第 {entry} 项开头的空闲页连同之前的空闲页构成这一段，从第 {page} 页开始：不必再往下。',
  'step.findNone': '第 {level} 层没有一项含连续 {npages} 页：堆的已知部分放不下。',
  'step.findBitmap': '最后由 chunk {chunk} 的位图给出确切位置：最低的连续 {npages} 个空闲页从第 {page} 页开始。',
  'step.pageAlloc': '置上这些页的位，并让上面的摘要与之一致，变到哪层就改到哪层。曾还给操作系统的页重新算作存在。',
  'step.pageFree': '清除这些页的位，它们与相邻的空闲页连成一片：摘要显示出更长的一段。',
  'step.grow': '堆变大：下一个 chunk，即 4 MiB 地址空间，为页分配器所知。它的页都空闲，背后还没有内存。',
  'step.spanInit':
    '记录现在写明是哪些页、哪个类、多少个槽。span 的每一页在 spans 表中指向它：由地址读一次表就找到 span。',
  'step.largeOwn': 'span 的状态最后写入：这就公布了它。在进入链表之前，它在本线程手里。',
  'step.largeDone': '内存已知为零，或现在不加锁地清零。mallocgc 返回 {address}。',
  'step.outOfMemory':
    '整个保留空间中没有连续的 {npages} 页。放弃之前，收回线程预先持有的一切。若回收器开启，会先运行它。',
  'step.reclaim': '世界停止，各线程缓存持有的全部归还到大家可取之处：窗口、重用栈、空 span、页缓存。',
  'step.thrown': '再试一次，仍然没有。调用抛出错误，堆与之前一样：{error}',
  'step.freeFind':
    'free({address})：第 {page} 页指向 span 记录，一次乘法得到槽 {slot}。记录中的一个字说明本线程是否拥有该 span。',
  'step.freeStack': '清除分配位，槽 {slot} 放上重用栈：此类的下一次 malloc 会取它。',
  'step.freeStackFull':
    '该类的重用栈已满。它保持很短，以免占住内存：全部还给 span，除非只有这一个线程，而且它归还的又被要过。',
  'step.keepEmpty': '没有对象的 span 留在线程链表的末尾，因为刚释放的往往很快又要用。在堆增长之前，别人可以得到它。',
  'step.freeFlush': '原本已满的 span 又有空闲槽，移到部分空闲链表；轮到它们时从头查找。',
  'step.freeGrow': '栈在堆的重用区得到了更多空间。清除分配位，槽 {slot} 放上栈。',
  'step.freeSpan': '该槽在 freeindex 之后：span 自己会再交出它。只清除它的位。',
  'step.freeTiny': '对象的位从微小块的掩码中去除。最后一个对象离开后，块就空闲。',
  'step.freeDone': '记录回到线程的备用处。',
  'step.largeFree': '大对象：谁清除它的分配位，谁就释放了它。它的 span 从 mcentral 的集合取下。',
  'step.giveBack': '线程保留的空 span 已足够。这一个还给 mheap。',
  'step.release': '线程交出它的 span：空的给 mheap，其余给 mcentral。',
  'step.spanFree': 'span 为空，正以本线程的名义归还：若线程此刻死去，修复者能知道。',
  'step.spanForget': '它的页从 spans 表中去除：其中的地址不再指向任何 span。',
  'step.gcDue': '四个对象：a 是根所指，a 指向 b，b 指向 c。没有谁指向 d。分配已达触发点，该开始一个周期。',
  'step.gcBegin': '世界停止。标记所有窗口，于是此后分配的都是黑色；清空重用栈；位的区块进入下一纪元。',
  'step.gcBegun': '根已照原样记下，写屏障打开。世界继续。此刻可达的都会存活。',
  'step.gcBarrier':
    '程序现在用 nil 覆盖从 b 到 c 的指针。写屏障记下旧值：周期开始时 c 可达，也许有人把它放在标记者不再查看的地方。',
  'step.gcBlack': '标记期间创建的对象已经带有标记：它的槽随整个窗口一起被标记过。',
  'step.gcMark': '标记取根 a，置标记位，查看它的指针并标记 b；b 现在是灰色：已标记，尚未查看。d 没有被触及。',
  'step.gcRagged': '看来已没有灰色对象。每个线程在自己的安全点清空屏障缓冲区：这标记了 c。',
  'step.gcFinish': '确实没有灰色对象。世界第二次停止，屏障关闭。所有线程的所有 span 逐链表进入 mcentral 的未清扫集合。',
  'step.gcEnd': '清扫代加 2，成为 {sweepgen}。凭这一次写入，每个 span 都成为待清扫且无主的。',
  'step.gcSwept': 'span 已清扫。d 空闲：它的分配位为 0。它的内存没有被碰过。',
};
